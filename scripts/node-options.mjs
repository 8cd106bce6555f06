/**
 * What Node is started with. V8 gives short-lived objects 67 MB on a machine of 24 GB: a worker that stored a log of 200 MB held 344 MB at
 * the most with that, 281 with 16 MB for one half of their space. By now it holds 270 with 16 and 245 with 4, in the same time. Short reads of
 * an API process take a tenth more processor time with 8 than with 16.
 *
 * @param {string | undefined} role what the process is: `serve`, `work`, …
 * @returns {string[]}
 */
export const nodeOptions = (role) => [`--max-semi-space-size=${role === 'work' ? 4 : 16}`];
