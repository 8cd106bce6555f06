// The documents of the catalogue's tour. They run as they stand in GraphiQL, too.

const ERRORS = 'userErrors { code message path details }';

export const REGISTER = `mutation Register($input: RegisterImageInput!) {
  registerImage(input: $input) {
    image { id name tag version dependencies { reference image { id } } } warnings ${ERRORS}
  }
}`;

export const FIND = `query Find($filter: ImageFilter) {
  images(filter: $filter, first: 10) { totalCount nodes { id name displayName } }
}`;

export const RENDER = `query Render($imageId: ID!, $values: CommandValuesInput!) {
  renderCommand(imageId: $imageId, values: $values) { argv warnings userErrors { code message path } }
}`;

export const UPDATE = `mutation Update($input: UpdateImageInput!) {
  updateImage(input: $input) { image { id version description } warnings ${ERRORS} }
}`;

export const EXPORT = `query Export($filter: ImageFilter) {
  exportImages(filter: $filter) { fileName count sha256 content }
}`;

export const IMPORT = `mutation Import($input: ImportImagesInput!) {
  importImages(input: $input) {
    created updated unchanged failed rowErrors { index imageName field code message } ${ERRORS}
  }
}`;

export const DELETE = `mutation Delete($input: DeleteImageInput!) {
  deleteImage(input: $input) { image { id status } warnings ${ERRORS} }
}`;

export const RESTORE = `mutation Restore($input: RestoreImageInput!) {
  restoreImage(input: $input) { image { id status } ${ERRORS} }
}`;

export const PURGE = `mutation Purge($input: PurgeImageInput!) {
  purgeImage(input: $input) { image { id } removedFromRegistry warnings ${ERRORS} }
}`;
