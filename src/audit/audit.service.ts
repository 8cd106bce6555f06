import { randomUUID } from 'node:crypto';
import type { Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import type { AuditResult } from '../shared/enums.ts';
import { UnavailableError } from '../shared/errors.ts';
import type { Page, PageArgs } from '../shared/keyset.ts';
import type { Logger } from '../shared/logger.ts';
import type { RequestFacts } from '../shared/request-facts.ts';
import { Turnstile } from '../shared/turnstile.ts';
import { type AuditCriteria, type AuditRow, eventsByIds, pageOfEvents } from './audit.reads.ts';
import { AuditEvent, type GrantFacts } from './audit-event.entity.ts';
import { AuditOutcome, type OutcomeFacts } from './audit-outcome.entity.ts';

/** Of the pool's ten connections: a thousand mutations at once must leave some to those who read. Each takes a millisecond or two. */
const MAX_WRITES = 3;
const WAIT_MS = 20_000;
const NOT_WRITTEN =
  'This could not be written into the audit trail, so it was not done; try again in a while.';

/** A mutation that is about to begin. */
export interface AskedMutation {
  readonly session: Session;
  readonly request: RequestFacts;
  /** The mutation's name. */
  readonly action: string;
  /** The global ids in its input. */
  readonly inputIds: readonly string[];
  readonly grants: GrantFacts | null;
}

/** An event that waits for its outcome. */
export type BegunEvent = Pick<AuditEvent, 'id' | 'at'>;

export interface Outcome {
  readonly result: AuditResult;
  readonly codes: readonly string[];
  readonly objectIds: readonly string[];
  readonly facts: OutcomeFacts | null;
}

/** What a mutation tells the trail beside its payload's fields, which do not show what was changed. */
export interface Audited {
  /** Global ids of all that was made, changed or taken away; those first that matter most, as only so many are kept. */
  readonly objectIds: readonly string[];
  readonly facts: OutcomeFacts;
}

/** Who did what, and what came of it. */
export class AuditService {
  readonly #writes = new Turnstile(MAX_WRITES, WAIT_MS, NOT_WRITTEN);
  #newest = 0;

  constructor(
    private readonly em: EntityManager,
    private readonly log: Logger,
  ) {}

  /**
   * Writes down that a mutation begins.
   *
   * @throws UnavailableError it could not be written down, so the mutation must not be run
   */
  async begin({ session, request, ...asked }: AskedMutation): Promise<BegunEvent> {
    const { user, credential } = session;
    const event = {
      id: randomUUID(),
      at: this.#nextTime(),
      userId: user.id,
      userName: user.name,
      credential: credential.kind,
      accessTokenId: credential.kind === 'ACCESS_TOKEN' ? credential.id : null,
      ...asked,
      address: request.address,
      requestId: request.requestId,
    };
    try {
      await this.#writes.pass(async () => await this.em.fork().insert(AuditEvent, event));
    } catch (cause) {
      throw new UnavailableError(NOT_WRITTEN, { cause });
    }
    return event;
  }

  /** Writes down what came of it. It has happened by then, so a failure to write is the log's affair: the result stays unknown. */
  async finish(event: BegunEvent, outcome: Outcome): Promise<void> {
    const at = new Date(Math.max(Date.now(), event.at.getTime()));
    try {
      await this.#writes.pass(
        async () => await this.em.fork().insert(AuditOutcome, { eventId: event.id, at, ...outcome }),
      );
    } catch (err) {
      this.log.error(
        { err, eventId: event.id, ...outcome },
        'what came of a mutation could not be written into the audit trail',
      );
    }
  }

  /** The events that fit, newest first. @throws ForbiddenError the viewer is no administrator */
  page(session: Session, criteria: AuditCriteria, args: PageArgs): Page<AuditRow> {
    session.assertCan('audit:read');
    return pageOfEvents(kysely(this.em.fork()), criteria, args);
  }

  /** The events of these ids; none for who may not read them. */
  async byIds(session: Session, ids: readonly string[]): Promise<AuditRow[]> {
    return session.can('audit:read') ? await eventsByIds(kysely(this.em.fork()), ids) : [];
  }

  /** Rises with every event, so that those of one millisecond are told in their order. */
  #nextTime(): Date {
    this.#newest = Math.max(Date.now(), this.#newest + 1);
    return new Date(this.#newest);
  }
}
