// The documents of the tour. They run as they stand in GraphiQL, too.

export const LOOK_AROUND = `query LookAround {
  viewer { user { name } isAdmin }
  server { version registryHost exampleBaseImage engine { name version available } }
  workspaces(first: 50) { nodes { id name isDefault } }
  namespaces(first: 50) { nodes { name } }
  images(first: 5) { totalCount nodes { name tag status } }
  notebooks(first: 5) { nodes { id name status } }
}`;

export const REGISTER_IMAGE = `mutation RegisterImage($input: RegisterImageInput!) {
  registerImage(input: $input) { image { id name tag status reference digest sizeBytes } userErrors { code message path } }
}`;

export const BUILD_IMAGE = `mutation BuildImage($input: BuildImageInput!) {
  buildImage(input: $input) { build { id status } userErrors { code message path } }
}`;

export const SAVE_NOTEBOOK = `mutation SaveNotebook($input: SaveImageFromNotebookInput!) {
  saveImageFromNotebook(input: $input) {
    image { id name tag status }
    build { id status }
    warnings
    userErrors { code message path }
  }
}`;

export const UPDATE_IMAGE = `mutation UpdateImage($input: UpdateImageInput!) {
  updateImage(input: $input) { image { id description } userErrors { code message path } }
}`;

export const DELETE_IMAGE = `mutation DeleteImage($input: DeleteImageInput!) {
  deleteImage(input: $input) { image { id status } userErrors { code message path } }
}`;

export const IMAGE = `query Image($id: ID!) {
  image(id: $id) { id name tag status statusMessage reference digest sizeBytes description }
}`;

export const LIVE_IMAGES = `query LiveImages($search: String!) {
  images(filter: { search: $search }, first: 50) { nodes { id name } }
}`;

export const WATCH_STATUS = `subscription WatchStatus($buildId: ID!, $afterVersion: Int) {
  imageBuildStatus(buildId: $buildId, afterVersion: $afterVersion) {
    version
    build {
      id
      status
      phase
      progress { completedSteps totalSteps percent }
      steps { number name status }
      failure { reason message step line exitCode }
      notebook { pausedSince }
      image { id }
    }
  }
}`;

export const WATCH_LOG = `subscription WatchLog($buildId: ID!, $afterSeq: SafeInt) {
  imageBuildLogs(buildId: $buildId, afterSeq: $afterSeq) {
    __typename
    ... on ImageBuildLogLines { lines { seq text } lastSeq }
    ... on ImageBuildLogGap { fromSeq toSeq reason }
    ... on ImageBuildLogEnd { lastSeq status }
  }
}`;
