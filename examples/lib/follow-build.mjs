import { createBuildView } from './build-view.mjs';
import { WATCH_LOG, WATCH_STATUS } from './operations.mjs';

/**
 * Follows a build's status and log at once until both have ended, and shows them.
 *
 * It also checks what the API promises: versions and line numbers rise by one, none missing and none twice, and the log has an end.
 *
 * @returns the build as it ended, and all lines of its log
 */
export async function followBuild(api, buildId) {
  const view = createBuildView();
  const lines = [];
  let ended = null;

  async function followStatus() {
    let version = 0;
    for await (const event of api.follow(WATCH_STATUS, () => ({ buildId, afterVersion: version }))) {
      if (version > 0 && event.version !== version + 1) {
        throw new Error(`The status came as version ${event.version} after ${version}.`);
      }
      version = event.version;
      ended = event.build;
      view.update(event.build);
    }
    if (ended === null) throw new Error('The status ended before it told anything.');
  }

  async function followLog() {
    let seq = 0;
    let end = null;
    for await (const event of api.follow(WATCH_LOG, () => ({ buildId, afterSeq: seq }))) {
      if (event.__typename === 'ImageBuildLogEnd') end = event;
      if (event.__typename === 'ImageBuildLogGap') {
        view.note(`  │ … lines ${event.fromSeq} to ${event.toSeq} were left out: ${event.reason} …`);
        seq = event.toSeq;
      }
      for (const line of event.lines ?? []) {
        if (line.seq !== seq + 1) throw new Error(`The log came as line ${line.seq} after ${seq}.`);
        seq = line.seq;
        lines.push(line.text);
        view.log(line.text);
      }
    }
    if (end?.lastSeq !== seq) throw new Error(`The log ended at line ${seq}, its end says ${end?.lastSeq}.`);
  }

  try {
    await Promise.all([followStatus(), followLog()]);
  } finally {
    view.end();
  }
  return { build: ended, lines };
}
