import { defineEntity, p } from '@mikro-orm/core';
import { Build } from './build.entity.ts';
import type { BuildState } from './build.rules.ts';

/** A build's state as it was at one version, so that a subscriber who resumes sees every change once. */
export const BuildEvent = defineEntity({
  name: 'BuildEvent',
  tableName: 'image_build_event',
  // For whoever follows the changes of all builds.
  indexes: [{ name: 'image_build_event_at', properties: ['at'] }],
  properties: {
    buildId: () => p.manyToOne(Build).mapToPk().name('build_id').primary().deleteRule('cascade'),
    version: p.integer().primary(),
    at: p.datetime(3),
    state: p.json().$type<BuildState>(),
  },
});
