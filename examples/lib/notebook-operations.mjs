// The documents of the notebooks' tour. They run as they stand in GraphiQL, too.

const ERRORS = 'userErrors { code message path details }';

export const LOOK_AROUND = `query LookAround {
  server { exampleBaseImage engine { name version available } }
  notebooks(first: 20) { totalCount nodes { id name status } }
}`;

export const NOTEBOOK = `query Notebook($id: ID!) {
  notebook(id: $id) {
    id name status owner { name } workspace { name } startedAt
    image layerCount sourceImage { id name tag status } writtenBytes sizeBytes uncapturedMounts
    savedImages(first: 3) { totalCount nodes { id name tag status } }
  }
}`;

export const SAVE = `mutation SaveNotebook($input: SaveImageFromNotebookInput!) {
  saveImageFromNotebook(input: $input) {
    image { id name tag status }
    build { id status }
    reused
    estimate { sizeBytes writtenBytes layerCount }
    warnings
    ${ERRORS}
  }
}`;

export const BUILD = `query Build($id: ID!) {
  imageBuild(id: $id) {
    phases { phase startedAt finishedAt }
    notebook { id name image containerId pause pausedSince pausedMs sourceImage { id name tag } }
  }
}`;

export const IMAGE = `query Image($id: ID!) {
  image(id: $id) {
    id name tag status statusMessage reference digest sizeBytes layers { digest sizeBytes }
    origin sourceNotebookId sourceImage { id name tag }
  }
}`;
