// What the seeds' images have in common, as SQL. `i` is an image's place in the catalogue, `n` its namespace, `text` what is written of it.

/** Where the seeds' images lie. */
export const REGISTRY = 'registry.example';

/** A number of an image, the same in every run. */
export const hash = (salt: string, below: number) => `(hashtext(i || '${salt}') & 2147483647) % ${below}`;

/** Each word in the share of the images that it should have, in ten-thousandths. */
export const pick = (words: readonly (readonly [string, number])[], salt = '') =>
  words
    .map(
      ([word, share]) => `case when ${hash(`${salt}${word}`, 10_000)} < ${share} then '${word} ' else '' end`,
    )
    .join(' || ');

export const LAYERS = `jsonb_build_array(jsonb_build_object('digest', text.digest, 'sizeBytes', i,
        'mediaType', 'application/vnd.oci.image.layer.v1.tar+gzip'))`;

export const LABELS = `jsonb_build_array(jsonb_build_object('key', 'team', 'value', 't' || ${hash('team', 40)}),
        jsonb_build_object('key', 'number', 'value', i::text))`;

export const RUNTIME = `jsonb_build_object('command', '[]'::jsonb, 'args', '[]'::jsonb, 'workingDir', null, 'env',
        jsonb_build_array(jsonb_build_object('name', 'FRAME_INTERVAL', 'value', '1000')), 'ports', jsonb_build_array(
        jsonb_build_object('name', 'service', 'containerPort', 8888, 'nodePort', null)), 'mounts', '[]'::jsonb,
        'configFiles', '[]'::jsonb, 'subPaths', '[]'::jsonb, 'hostPaths', '[]'::jsonb, 'cpuRequests', 1000,
        'gpuRequests', null, 'memRequests', 1024, 'pvcSize', null)`;

/** Of `searched`, see {@link REFERRED}. */
export const GRAMS = `array(select distinct gram from regexp_split_to_table(searched.text, E'\\n') line, generate_series(1, length(line)) at,
        unnest(array[substr(line, at, 1), substr(line, at, 2)]) gram)`;

/** The image's reference; and what is searched, written as the rules of searching write it. */
export const REFERRED = `cross join lateral (select '${REGISTRY}/' || n.name || '/' || text.name || ':' || text.tag as reference) referred
      cross join lateral (select lower(normalize(concat_ws(E'\\n', text.name, text.display_name, text.description,
        referred.reference, text.algorithm, text.vendor), NFKC)) as text) searched`;
