// The documents of the builds' tour. They run as they stand in GraphiQL, too.

const ERRORS = 'userErrors { code message path details }';

export const LOOK_AROUND = `query LookAround {
  server { exampleBaseImage engine { name version available builders } }
  workspace(name: "default") { id }
}`;

export const CHECK = `query Check($dockerfile: String!, $files: [String!]) {
  checkDockerfile(dockerfile: $dockerfile, files: $files) { valid steps problems { severity code message line column } }
}`;

export const BUILD = `mutation Build($input: BuildImageInput!) {
  buildImage(input: $input) { build { id status kind dockerfile logUrl } reused warnings ${ERRORS} }
}`;

export const CANCEL = `mutation Cancel($input: CancelImageBuildInput!) {
  cancelImageBuild(input: $input) { build { id status } ${ERRORS} }
}`;

export const RETRY = `mutation Retry($input: RetryImageBuildInput!) {
  retryImageBuild(input: $input) { build { id status retryOf { id } } reused warnings ${ERRORS} }
}`;

export const WATCH_ACTIVITY = `subscription WatchActivity {
  imageBuildActivity(namespace: "default") { version at build { id status phase builder target { name } } }
}`;
