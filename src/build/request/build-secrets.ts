import type { EntityManager } from '../../db/orm.ts';
import type { Db } from '../../db/tables.ts';
import type { RegistryCredentials } from '../../engine/container-engine.ts';
import type { SecretBox } from '../../shared/secret-box.ts';
import type { Build } from '../build.entity.ts';
import { BuildSecret } from './build-secret.entity.ts';

/** What came with a request and nobody may read again: neither people nor the database's. */
export interface RequestSecrets {
  /** What `RUN --mount=type=secret` may ask for, by id. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Credentials of the bases' registries, by host. */
  readonly registryAuths: ReadonlyMap<string, RegistryCredentials>;
}

export const NO_SECRETS: RequestSecrets = { secrets: new Map(), registryAuths: new Map() };

/** The secrets of unfinished builds, sealed at rest. */
export class BuildSecrets {
  constructor(private readonly box: SecretBox) {}

  /** Writes them inside the transaction that writes the build. */
  async keep(tx: EntityManager, buildId: string, given: RequestSecrets): Promise<void> {
    const add = (kind: 'SECRET' | 'REGISTRY_AUTH', name: string, text: string) =>
      tx.create(BuildSecret, {
        buildId,
        kind,
        name,
        sealed: this.box.seal(text, place(buildId, kind, name)),
      });
    for (const [id, value] of given.secrets) add('SECRET', id, value);
    for (const [host, auth] of given.registryAuths) add('REGISTRY_AUTH', host, JSON.stringify(auth));
    await tx.flush();
  }

  /** @throws UnsealError where another key has sealed them */
  async of(db: Db, buildId: string): Promise<RequestSecrets> {
    const rows = await db
      .selectFrom('BuildSecret')
      .select(['kind', 'name', 'sealed'])
      .where('buildId', '=', buildId)
      .execute();
    const opened = rows.map(({ kind, name, sealed }) => ({
      kind,
      name,
      text: this.box.open(sealed, place(buildId, kind, name)),
    }));
    const of = (wanted: string) => opened.filter(({ kind }) => kind === wanted);
    return {
      secrets: new Map(of('SECRET').map(({ name, text }) => [name, text])),
      registryAuths: new Map(
        of('REGISTRY_AUTH').map(({ name, text }) => [name, JSON.parse(text) as RegistryCredentials]),
      ),
    };
  }
}

/** Takes a build's secrets away for good, inside the transaction that ends it. */
export async function forgetSecrets(tx: EntityManager, build: Pick<Build, 'id'>): Promise<void> {
  await tx.nativeDelete(BuildSecret, { buildId: build.id });
}

const place = (buildId: string, kind: string, name: string) => `${buildId}/${kind}/${name}`;
