import { stripVTControlCharacters } from 'node:util';

/** Shows a build: its log line by line and, below it, one line of progress that is redrawn on a terminal. */
export function createBuildView(output = process.stdout) {
  const live = output.isTTY === true;
  let progress = '';
  const draw = (text) => output.write(live ? `\r\x1b[2K${text}${progress}` : text);

  return {
    log(text) {
      // What a build prints must not steer the terminal; of a line that was drawn again and again, the last state.
      const shown =
        stripVTControlCharacters(text)
          .split('\r')
          .findLast((state) => state !== '') ?? '';
      draw(`  │ ${shown}\n`);
    },
    note(text) {
      draw(`${text}\n`);
    },
    update(build) {
      const before = progress;
      progress = progressLine(build, output.columns ?? 100);
      if (live) draw('');
      else if (progress !== before) output.write(`${progress}\n`);
    },
    end() {
      progress = '';
      draw('');
    },
  };
}

function progressLine({ status, phase, progress, steps, notebook }, columns) {
  const state = phase ? `${status} ${phase}` : status;
  // Saving one has no steps.
  if (notebook) return `  ${state}${notebook.pausedSince ? '  the notebook stands still' : ''}`;
  const { completedSteps, totalSteps, percent } = progress;
  const done = Math.round((percent ?? 0) / 5);
  const bar = `[${'#'.repeat(done)}${'.'.repeat(20 - done)}]`;
  const step = steps.find((candidate) => candidate.status === 'RUNNING');
  const parts = [
    `  ${bar} ${percent === null ? ' – ' : String(percent).padStart(3)} %`,
    `step ${completedSteps}/${totalSteps ?? '?'}`,
    state,
    step?.name ?? '',
  ];
  return parts
    .join('  ')
    .slice(0, columns - 1)
    .trimEnd();
}
