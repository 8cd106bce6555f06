// The documents of the tour of rights. They run as they stand in GraphiQL, too.

const ERRORS = 'userErrors { code message path details }';

export const WHO_AM_I = `query WhoAmI {
  viewer { user { name kind } isAdmin scopes namespaces { namespace { name } role } }
}`;

export const MAKE_SERVICE_ACCOUNT = `mutation MakeServiceAccount($input: CreateServiceAccountInput!) {
  createServiceAccount(input: $input) { user { id name } ${ERRORS} }
}`;

export const MAKE_TOKEN = `mutation MakeToken($input: CreateAccessTokenInput!) {
  createAccessToken(input: $input) { token accessToken { id prefix scopes expiresAt } ${ERRORS} }
}`;

export const REVOKE_TOKEN = `mutation RevokeToken($input: RevokeAccessTokenInput!) {
  revokeAccessToken(input: $input) { accessToken { revokedAt } ${ERRORS} }
}`;

export const UPDATE_USER = `mutation UpdateUser($input: UpdateUserInput!) {
  updateUser(input: $input) { user { name } ${ERRORS} }
}`;

export const NAMESPACE = `query Namespace($name: String!) {
  namespace(name: $name) { id viewerRole viewerPermissions }
}`;

export const GIVE_ROLE = `mutation GiveRole($input: SetNamespaceMemberInput!) {
  setNamespaceMember(input: $input) { namespace { name } ${ERRORS} }
}`;

export const REGISTER = `mutation Register($input: RegisterImageInput!) {
  registerImage(input: $input) { image { id name viewerPermissions } ${ERRORS} }
}`;

export const DELETE = `mutation Delete($input: DeleteImageInput!) {
  deleteImage(input: $input) { image { id } ${ERRORS} }
}`;

export const IMAGE = `query Image($id: ID!) {
  image(id: $id) { name }
  node(id: $id) { id }
}`;

export const TOO_MUCH = `query TooMuch {
  namespaces(first: 100) { nodes { images(first: 100) { nodes { dependencies { image { name } } } } } }
}`;

export const ACTIVITY = `subscription Activity {
  imageBuildActivity { version build { id status } }
}`;

export const TRAIL = `query Trail($userName: String!) {
  auditEvents(filter: { userName: $userName }, first: 20) {
    nodes { at action result codes credential objectIds address }
  }
}`;
