import type { Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { isTaken } from '../db/violations.ts';
import type { WriteGate } from '../db/write-gate.ts';
import { Namespace } from '../namespace/namespace.entity.ts';
import type { NamespaceService } from '../namespace/namespace.service.ts';
import type { RegistryImage } from '../registry/image-registry.ts';
import { Problems, refuse } from '../shared/problems.ts';
import type { WorkspaceService } from '../workspace/workspace.service.ts';
import {
  checkDependencies,
  checkNotNeeded,
  lockDependencies,
  readDependenciesOf,
  replaceDependencies,
} from './dependency/image-dependencies.ts';
import { type ImageName, isSameName } from './dependency/image-dependency.rules.ts';
import { type EditableField, Image } from './image.entity.ts';
import { type ImageRow, imagesByIds } from './image.reads.ts';
import { holdsName } from './image.rules.ts';
import type { ImageService } from './image.service.ts';
import { findLive, holdSharing, lockImage, nameTaken } from './image-access.ts';
import {
  changedFields,
  checkEdit,
  draftOf,
  draftOfRow,
  type ImageDraft,
  type ImageEdit,
} from './image-draft.rules.ts';
import {
  changedByLooking,
  checkEditable,
  checkFresh,
  factsOf,
  newImageRow,
  recordEdit,
  saidOf,
  stateAfter,
} from './image-edit.rules.ts';
import type { ImageQuotaService } from './quota/image-quota.service.ts';
import { addUnknown, type ImageVerification } from './registry/image-verification.ts';

interface Checks {
  /** Ask the registry for digest, size and architecture, and refuse what it does not know. */
  readonly verify?: boolean | null | undefined;
  /** Check everything, change nothing. */
  readonly validateOnly?: boolean | null | undefined;
}

export interface RegisterInput extends ImageEdit, Checks {
  readonly reference: string;
  /** `undefined`: the default one; `null` names no workspace that exists. */
  readonly workspaceUid?: string | null | undefined;
}

export interface UpdateInput extends ImageEdit, Checks {
  /** `undefined`: as it is; `null` names no workspace that exists. */
  readonly workspaceUid?: string | 'default' | null | undefined;
  readonly expectedVersion?: number | null | undefined;
  readonly ifUpdatedAt?: Date | null | undefined;
}

export interface Edited {
  readonly image: ImageRow | null;
  readonly warnings: readonly string[];
}

const QUOTA_PATHS = { namespace: ['namespace'], workspace: ['workspaceId'] };

/** Putting images into the catalogue, and changing what it says about them. */
export class ImageEditService {
  constructor(
    private readonly em: EntityManager,
    private readonly parts: {
      readonly writes: WriteGate;
      readonly images: ImageService;
      readonly namespaces: NamespaceService;
      readonly workspaces: WorkspaceService;
      readonly verification: ImageVerification;
      readonly quotas: ImageQuotaService;
    },
  ) {}

  /**
   * Puts an image that exists in some registry into the catalogue.
   *
   * @returns the image, `null` if only checking was asked for
   * @throws InputRefused with everything that is wrong
   */
  async register(session: Session, input: RegisterInput): Promise<Edited> {
    const { writes, images, namespaces, workspaces, verification, quotas } = this.parts;
    const problems = new Problems();
    const { draft: written, dependencies, warnings } = draftOf(null, input, problems);
    const workspace = await workspaces.findTarget(session, input.workspaceUid, ['workspaceId'], problems);
    const em = this.em.fork();
    if (written === null) {
      await checkDependencies(kysely(em), session, NO_NAME, dependencies, problems);
      return problems.refuseAll();
    }
    const draft = verification.withOwnHost(written);
    const namespace = await namespaces.findTarget(session, draft.namespace, ['namespace'], problems);
    const looked = problems.has(['namespace'])
      ? null
      : await verification.look(session, draft, input, warnings, problems);
    if (looked === 'GONE') addUnknown(draft, problems);
    const found = looked === 'GONE' ? null : looked;
    const taken =
      namespace === null || problems.has(['tag']) ? null : await images.findByName(session, draft);
    if (taken !== null) problems.add(...nameTaken(taken));
    warnings.push(...(await checkDependencies(kysely(em), session, draft, dependencies, problems)));
    const storageBytes = quotas.storageOf(factsOf(draft, found));
    const place = { namespaceId: namespace?.id, workspaceId: workspace?.id };
    const demands = [{ ...place, images: 1, storageBytes }];
    if (problems.any || workspace === null) {
      // Only looks, so that a quota is told of together with what else is wrong.
      await quotas.takeRoom(em, demands, problems, QUOTA_PATHS);
      return problems.refuseAll();
    }
    try {
      return await writes.run(async (tx) => {
        if (dependencies.length > 0) {
          // Once more, now that nobody else can change what depends on what.
          await lockDependencies(tx);
          await checkDependencies(kysely(tx), session, draft, dependencies, problems);
        }
        await quotas.takeRoom(tx, demands, problems, QUOTA_PATHS);
        problems.refuseIfAny();
        if (input.validateOnly === true) return { image: null, warnings };
        const namespaceId = namespace?.id ?? (await namespaces.ensure(tx, draft.namespace)).id;
        if (draft.content.visibility === 'PUBLIC') await holdSharing(tx, session, namespaceId);
        const now = new Date();
        const image = tx.create(Image, {
          ...newImageRow(draft, found, now),
          namespaceId,
          workspaceId: workspace.id,
          createdById: session.user.id,
        });
        await tx.flush();
        if (dependencies.length > 0) await replaceDependencies(tx, [{ imageId: image.id, dependencies }]);
        return { image, warnings };
      });
    } catch (error) {
      if (!isTaken(error, 'image_catalogue_name')) throw error;
      return refuse(...nameTaken((await images.findByName(session, draft)) ?? draft));
    }
  }

  /**
   * Changes what is said about an image. Absent keeps, `null` clears; an edit that changes nothing writes nothing.
   *
   * @returns the image as it is now
   * @throws InputRefused with everything that is wrong
   */
  async update(session: Session, uid: string | null, input: UpdateInput): Promise<Edited> {
    const problems = new Problems();
    const warnings: string[] = [];
    const { seen, looked } = await this.#lookBefore(session, uid, input, warnings, problems);
    if (seen === null) checkEdit(input, problems);
    let wanted: ImageDraft | null = null;
    try {
      return await this.parts.writes.run(async (tx) => {
        if (mayChangeDependencies(input)) await lockDependencies(tx);
        const image = await lockImage(tx, session, uid, 'image:update', 'live', problems);
        const base = await draftOfImage(tx, image);
        const { draft: written, warnings: drafting } = draftOf(base, input, problems);
        checkFresh(image, input, problems);
        if (written === null) return problems.refuseAll();
        const draft = this.parts.verification.withOwnHost(written);
        wanted = draft;
        const changed = changedFields(base, draft);
        checkEditable(image, changed, problems);
        if (changed.includes('visibility')) session.assertCan('image:share', image.namespaceId);
        const answer = looked !== null && looked.reference === draft.reference ? looked.found : null;
        const found = answer === 'GONE' ? null : answer;
        if (answer === 'GONE') warnings.push('the registry no longer has it');
        const isRenamed = !isSameName(base, draft);
        if (isRenamed || changed.includes('dependencies')) {
          const before = { name: base, isListKept: !changed.includes('dependencies') };
          drafting.push(
            ...(await checkDependencies(kysely(tx), session, draft, draft.dependencies, problems, before)),
          );
        }
        const scopes = await this.#scopesAfter(tx, session, image, base, draft, input, problems);
        if (isRenamed && holdsName(image)) {
          const self = { ...base, id: image.id };
          const advice = 'change what they depend on before its name';
          await checkNotNeeded(kysely(tx), session, self, ['name'], advice, problems);
          const { namespaceId } = scopes;
          const taken =
            namespaceId === null || problems.has(['tag']) ? null : await findLive(tx, namespaceId, draft);
          if (taken !== null && taken.id !== image.id) problems.add(...nameTaken(taken));
        }
        const said = saidOf(withoutOldArchitecture(draft, changed, input), found);
        const facts = changed.includes('reference') || found !== null ? factsOf(draft, found) : {};
        changed.push(...changedByLooking(image, said, facts, changed));
        if (scopes.workspaceId !== image.workspaceId) changed.push('workspace');
        const state = stateAfter(image, answer);
        if (state.status !== image.status) changed.push('status');
        const { quotas } = this.parts;
        const demands = quotas.demandsOf(image, { ...image, ...facts, ...scopes });
        if (demands.length > 0) await quotas.takeRoom(tx, demands, problems, QUOTA_PATHS);
        problems.refuseIfAny();
        warnings.push(...drafting);
        if (input.validateOnly === true || changed.length === 0) return { image, warnings };
        const { workspaceId } = scopes;
        const namespaceId =
          scopes.namespaceId ?? (await this.parts.namespaces.ensure(tx, draft.namespace)).id;
        if (changed.includes('visibility') && said.visibility === 'PUBLIC') {
          await holdSharing(tx, session, image.namespaceId);
        }
        Object.assign(image, said, facts, state, { namespaceId, workspaceId });
        recordEdit(image, changed);
        await tx.flush();
        if (changed.includes('dependencies')) {
          await replaceDependencies(tx, [{ imageId: image.id, dependencies: draft.dependencies }]);
        }
        return { image, warnings };
      });
    } catch (error) {
      if (!isTaken(error, 'image_catalogue_name') || wanted === null) throw error;
      return refuse(...nameTaken((await this.parts.images.findByName(session, wanted)) ?? wanted));
    }
  }

  /** Asks the registry about the reference that an update will leave, before the row is locked: it may take seconds. */
  async #lookBefore(
    session: Session,
    uid: string | null,
    input: UpdateInput,
    warnings: string[],
    problems: Problems,
  ): Promise<{
    seen: ImageRow | null;
    looked: { readonly reference: string; readonly found: RegistryImage | 'GONE' | null } | null;
  }> {
    const em = this.em.fork();
    const [seen = null] = uid === null ? [] : await imagesByIds(kysely(em), session, [uid]);
    const isAsked = input.verify === true || typeof input.reference === 'string';
    if (seen === null || !isAsked || !session.can('image:update', seen.namespaceId)) {
      return { seen, looked: null };
    }
    const base = await draftOfImage(em, seen);
    const { draft } = draftOf(base, input, new Problems());
    if (draft === null || (input.verify !== true && draft.reference === base.reference)) {
      return { seen, looked: null };
    }
    const asked = { verify: input.verify, architecture: draft.content.architecture };
    const found = await this.parts.verification.look(session, draft, asked, warnings, problems);
    // Of an image that is in the catalogue already it is a fact to be noted.
    if (found === 'GONE' && draft.reference !== base.reference) addUnknown(draft, problems);
    return { seen, looked: { reference: draft.reference, found } };
  }

  /** Where the image will belong; a namespace of `null` is made with the edit, by an administrator. */
  async #scopesAfter(
    tx: EntityManager,
    session: Session,
    image: Image,
    base: ImageDraft,
    draft: ImageDraft,
    { workspaceUid }: UpdateInput,
    problems: Problems,
  ): Promise<{ namespaceId: string | null; workspaceId: string }> {
    const { namespaces, workspaces } = this.parts;
    const namespace =
      draft.namespace === base.namespace
        ? { id: image.namespaceId }
        : await namespaces.findTarget(session, draft.namespace, ['namespace'], problems, tx);
    const uid = workspaceUid === 'default' ? undefined : workspaceUid;
    // What stays where it is takes no right there.
    const workspace =
      workspaceUid === undefined || uid === image.workspaceId
        ? null
        : await workspaces.findTarget(session, uid, ['workspaceId'], problems, tx);
    return { namespaceId: namespace?.id ?? null, workspaceId: workspace?.id ?? image.workspaceId };
  }
}

/** For an image whose name cannot be read: no dependency is itself. */
const NO_NAME: ImageName = { namespace: '', name: '', tag: '' };

/** What was said or found of another image does not hold of this one. */
function withoutOldArchitecture(
  draft: ImageDraft,
  changed: readonly EditableField[],
  { architecture }: UpdateInput,
): ImageDraft {
  const isOld = changed.includes('reference') && architecture === undefined;
  return isOld ? { ...draft, content: { ...draft.content, architecture: null } } : draft;
}

/** May an edit change what depends on what, by the image's own dependencies or by its name? */
function mayChangeDependencies({ namespace, name, tag, dependencies }: ImageEdit): boolean {
  return [namespace, name, tag, dependencies].some((part) => part !== undefined);
}

async function draftOfImage(em: EntityManager, image: ImageRow): Promise<ImageDraft> {
  const namespace = await em.findOneOrFail(Namespace, { id: image.namespaceId });
  return draftOfRow(image, namespace.name, await readDependenciesOf(em, image.id));
}
