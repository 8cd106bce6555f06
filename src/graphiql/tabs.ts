import { ACCESS_TABS } from './access-tabs.ts';
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
      query: `# Registers an image with all that its algorithm needs: ports,
# paths and environment as texts or as lists, parameters for
# the variables in its command, labels. "warnings" tells of
# variables that no parameter stands for.
mutation RegisterAlgorithm($input: RegisterImageInput!) {
  registerImage(input: $input) {
    warnings
    userErrors { code message path details }
    image {
      id name tag version
      runtime { ports { name containerPort nodePort } env { name value } mounts }
      commandTemplate { variables { scope name declared } }
      algorithm { factory name frameInterval }
    }
  }
}
`,
      variables: json({
        input: {
          reference: baseImage,
          namespace,
          name: 'algorithm-<time>',
          tag: '1.0',
          displayName: '抽帧 (frame sampling)',
          group: 'examples',
          labels: [{ key: 'stage', value: 'test' }],
          runtime: {
            command: [
              '/bin/sample --task={{inputs.task_id}} --log={{configs.log_path}} --rate={{inputs.rate}}',
            ],
            portsText: 'service1:5016:30016,service:8888',
            envText: 'CVSIP:172.38.90.52,CVSPORT:11112',
            mounts: ['/vse/logs', '/data/videos'],
            cpuRequests: 1000,
            memRequests: 2000,
          },
          inputs: [{ name: 'task_id', displayName: '任务ID' }],
          configs: [{ name: 'log_path', default: '/vse/logs' }],
          algorithm: { factory: '易华录', name: '抽帧', type: '0', frameInterval: 1800000 },
        },
      }),
    },
    {
      query: `# Finds images: any part of a name, a text for people or an
# algorithm, in any script and case, and filters in any nesting.
query FindImages($filter: ImageFilter, $orderBy: ImageOrder) {
  images(filter: $filter, orderBy: $orderBy, first: 10) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      id name tag displayName namespace { name } labels { key value }
      dependencies { reference image { id status } }
    }
  }
}
`,
      variables: json({
        filter: {
          search: '抽帧',
          or: [{ labels: [{ key: 'stage' }] }, { visibility: 'PUBLIC' }],
          not: { status: ['ERROR'] },
        },
        orderBy: { field: 'NAME', direction: 'ASC' },
      }),
    },
    {
      query: `# Fills the variables of a command: the answer is a list of
# words to be executed as they are, without a shell.
# "<last algorithm>" is the image of the tab RegisterAlgorithm.
query RenderCommand($imageId: ID!, $values: CommandValuesInput!) {
  renderCommand(imageId: $imageId, values: $values) {
    argv
    warnings
    userErrors { code message path }
  }
}
`,
      variables: json({
        imageId: '<last algorithm>',
        values: { inputs: { task_id: '7; echo {{inputs.rate}}', rate: 25 } },
      }),
    },
    {
      query: `# The catalogue as the file image_list.json, in "content".
# GET /exports/image_list.json streams it for any size.
query ExportImages($filter: ImageFilter) {
  exportImages(filter: $filter) { fileName count sha256 content }
}
`,
      variables: json({ filter: { group: 'examples' } }),
    },
    {
      query: `# Reads such a file. Everything that is wrong with any row is
# in rowErrors; this one has a row without frameInterval.
# Without validateOnly, mode PARTIAL writes the other row.
mutation ImportImages($input: ImportImagesInput!) {
  importImages(input: $input) {
    created updated unchanged failed
    rowErrors { index imageName imageTag field code message }
    warnings
    userErrors { code message path details }
  }
}
`,
      variables: json({
        input: {
          mode: 'PARTIAL',
          validateOnly: true,
          document: JSON.stringify([
            {
              imageName: `${namespace}/posterize`,
              imageTag: '1.0',
              factory: 'ehl',
              algoName: '抽帧',
              algoType: '0',
              frameInterval: 1000,
              env: 'CVSIP:172.38.90.52,CVSPORT:11112',
            },
            {
              imageName: `${namespace}/realtime`,
              imageTag: '1.0',
              factory: 'ehl',
              algoName: '实时',
              algoType: '0',
              dependencyServiceId: `${namespace}/posterize:1.0`,
            },
          ]),
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
      query: `# Every problem of a Dockerfile with its line and column,
# without building it. This one has four.
query CheckDockerfile($dockerfile: String!, $files: [String!]) {
  checkDockerfile(dockerfile: $dockerfile, files: $files) {
    valid
    stages
    steps
    problems { severity code message line column }
  }
}
`,
      variables: json({
        dockerfile:
          'FROM ubuntu:18:04 AS builder\nARG NPM_TOKEN\nRUN make\n\nFROM scratch\nCOPY --from=biulder /app /app\nCOPY config.yml /etc/\n',
        files: ['greeting.txt'],
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
      notebook { name pausedSince pausedMs }
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
      query: `# Tells of every build that starts, moves or ends, for a
# dashboard. Leave it running and start a build in another tab.
subscription WatchBuilds($namespace: String) {
  imageBuildActivity(namespace: $namespace) {
    version
    at
    build { id status phase target { name tag } progress { percent } }
  }
}
`,
      variables: json({ namespace }),
    },
    {
      query: `# Tries a build once more that did not succeed: a new build
# that knows which one it repeats. "<last failed build>" becomes
# the id of the newest one that failed or was canceled.
mutation RetryBuild($input: RetryImageBuildInput!) {
  retryImageBuild(input: $input) {
    build { id status retryOf { id status failure { reason message line } } }
    warnings
    userErrors { code message path }
  }
}
`,
      variables: json({ input: { id: '<last failed build>' } }),
    },
    {
      query: `# The notebooks that you may see: what they run, what a save
# would not capture, and what has been saved from them.
# The engine counts bytes only where they are asked for.
# None runs? Start Slipway with: npm start -- --demo-notebook
query ListNotebooks {
  notebooks(first: 10) {
    totalCount
    nodes {
      id name status owner { name } startedAt
      image layerCount sourceImage { id name tag status }
      writtenBytes sizeBytes
      uncapturedMounts
      savedImages(first: 3) {
        totalCount
        nodes { id name tag status }
      }
    }
  }
}
`,
    },
    {
      query: `# Checks a save, and saves nothing: how large the image
# would be, and what is worth knowing before. Put something
# wrong in (a tag with a comma, a name with a space):
# userErrors name all of it at once.
mutation CheckSave($input: SaveImageFromNotebookInput!) {
  saveImageFromNotebook(input: $input) {
    estimate { sizeBytes writtenBytes layerCount }
    warnings
    userErrors { code message path details }
  }
}
`,
      variables: json({
        input: {
          notebookId: '<first notebook>',
          namespace,
          name: 'notebook-<time>',
          tag: '1.0',
          validateOnly: true,
        },
      }),
    },
    {
      query: `# Saves a running notebook as an image: its files, on top of
# the image that it was started from. It stands still while the
# engine copies them, unless you add "pause": false. It is a
# build too: watch it in WatchStatus and WatchLog.
# "<first notebook>" becomes the id of the first one.
mutation SaveNotebook($input: SaveImageFromNotebookInput!) {
  saveImageFromNotebook(input: $input) {
    image {
      id name tag status reference
      sourceImage { id name tag }
    }
    build {
      id status
      notebook { name image containerId pause }
    }
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
# registry, and RestoreImage brings it back. "<last image>" becomes the id of the newest image:
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
    {
      query: `# Brings a deleted image back, with the status that it had.
# "<last deleted image>" is the one that was deleted last.
mutation RestoreImage($input: RestoreImageInput!) {
  restoreImage(input: $input) {
    image { id name tag status }
    userErrors { code message path }
  }
}
`,
      variables: json({ input: { id: '<last deleted image>' } }),
    },
    {
      query: `# Removes a deleted image for good; with removeFromRegistry
# from the registry too.
# "<last deleted image>" is the one that was deleted last.
mutation PurgeImage($input: PurgeImageInput!) {
  purgeImage(input: $input) {
    image { id name tag }
    removedFromRegistry
    warnings
    userErrors { code message path }
  }
}
`,
      variables: json({ input: { id: '<last deleted image>', removeFromRegistry: false } }),
    },
    ...ACCESS_TABS,
  ];
}
