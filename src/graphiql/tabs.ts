import type { Facts } from './facts.ts';

export interface ExampleTab {
  readonly query: string;
  readonly variables?: string;
}

const json = (value: unknown) => JSON.stringify(value, null, 2);

/** The ready tabs. GraphiQL names a tab after its operation. */
export function exampleTabs({ workspaceId, namespace, baseImage }: Facts): ExampleTab[] {
  return [
    {
      query: `# Who am I, what is this server, and what does it hold?
# Run it with Ctrl-Enter or the button with the triangle.
# The book at the left opens the API's documentation.
query LookAround {
  viewer { user { name } isAdmin }
  server {
    version
    registryHost
    exampleBaseImage
    engine { name version available }
  }
  namespaces(first: 10) { nodes { name description } }
  images(first: 10) {
    totalCount
    nodes { id name tag status reference sizeBytes }
  }
  notebooks(first: 10) { nodes { id name status image } }
}
`,
    },
    {
      query: `# Puts an image that is in a registry already into the
# catalogue. With "verify" the registry is asked for its
# digest and size. userErrors tell what is wrong with the input.
# <time> in a variable becomes a short new word each time,
# so that the name is free.
mutation RegisterImage($input: RegisterImageInput!) {
  registerImage(input: $input) {
    image { id name tag status reference digest sizeBytes architecture }
    userErrors { code message path }
  }
}
`,
      variables: json({
        input: {
          reference: baseImage,
          namespace,
          name: 'registered-<time>',
          tag: '1.0',
          description: 'Registered from GraphiQL',
          verify: true,
        },
      }),
    },
    {
      query: `# Builds an image from a Dockerfile and one file, and pushes
# it to the registry. The answer comes at once, with the build
# QUEUED: watch it in the tabs WatchStatus and WatchLog.
# noCache runs every step anew, so that there is much to see.
mutation BuildFromDockerfile(
  $workspaceId: ID!
  $image: BuildImageTargetInput!
  $files: [BuildFileInput!]
) {
  buildImage(input: {
    workspaceId: $workspaceId
    image: $image
    buildConfig: {
      dockerfile: """
      FROM ${baseImage}
      COPY greeting.txt /greeting.txt
      RUN for n in 1 2 3 4 5 6 7 8; do \\
            echo "working, part $n of 8"; sleep 1; \\
          done
      RUN cat /greeting.txt
      """
      files: $files
      noCache: true
    }
  }) {
    build { id status target { reference } createdAt }
    userErrors { code message path }
  }
}
`,
      variables: json({
        workspaceId,
        image: { namespace, name: 'built-<time>', tag: '1.0', description: 'Built from GraphiQL' },
        files: [{ path: 'greeting.txt', content: 'Hello from the build context\n' }],
      }),
    },
    {
      query: `# Follows a build: its state now, then every change until it
# has ended. "<last build>" becomes the id of the newest build
# when you run this; put an id there to watch another one.
# The button with the square stops a running subscription.
subscription WatchStatus($buildId: ID!) {
  imageBuildStatus(buildId: $buildId) {
    version
    at
    build {
      id
      status
      phase
      progress { completedSteps totalSteps percent }
      failure { reason message step line exitCode }
      image { id name tag status digest sizeBytes reference }
      steps { number name status cached durationMs }
    }
  }
}
`,
      variables: json({ buildId: '<last build>' }),
    },
    {
      query: `# Follows a build's log: what is stored, then live, until the
# ImageBuildLogEnd. GraphiQL shows only the newest message of a
# subscription; this page adds all lines so far below it, as
# extensions.wholeLog. "<last build>" becomes the id of the
# newest build. afterSeq resumes after a line you have seen.
subscription WatchLog($buildId: ID!, $afterSeq: SafeInt) {
  imageBuildLogs(buildId: $buildId, afterSeq: $afterSeq) {
    __typename
    ... on ImageBuildLogLines { lastSeq lines { seq step text } }
    ... on ImageBuildLogGap { fromSeq toSeq reason }
    ... on ImageBuildLogEnd { lastSeq status }
  }
}
`,
      variables: json({ buildId: '<last build>', afterSeq: 0 }),
    },
    {
      query: `# Saves a running notebook container as an image. It is a build
# too: watch it in WatchStatus and WatchLog.
# "<first notebook>" becomes the id of the first running one.
# None runs? Start Slipway with: npm start -- --demo-notebook
mutation SaveNotebook($input: SaveImageFromNotebookInput!) {
  saveImageFromNotebook(input: $input) {
    image { id name tag status reference }
    build { id status }
    warnings
    userErrors { code message path }
  }
}
`,
      variables: json({
        input: { notebookId: '<first notebook>', namespace, name: 'notebook-<time>', tag: '1.0' },
      }),
    },
    {
      query: `# Changes an image. What is left out stays; null clears it.
# "<last image>" becomes the id of the newest image.
mutation UpdateImage($input: UpdateImageInput!) {
  updateImage(input: $input) {
    image { id name tag description updatedAt }
    userErrors { code message path }
  }
}
`,
      variables: json({ input: { id: '<last image>', description: 'Edited in GraphiQL' } }),
    },
    {
      query: `# Takes an image out of the catalogue; its layers stay in the
# registry. "<last image>" becomes the id of the newest image:
# look at it in LookAround first, or put another id there.
mutation DeleteImage($input: DeleteImageInput!) {
  deleteImage(input: $input) {
    image { id name tag status deletedAt }
    userErrors { code message path }
  }
}
`,
      variables: json({ input: { id: '<last image>' } }),
    },
  ];
}
