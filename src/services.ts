import type { AuditService } from './audit/audit.service.ts';
import type { BuildActivityReader } from './build/activity/build-activity.reader.ts';
import type { BuildService } from './build/build.service.ts';
import type { BuildStatusReader } from './build/build-status.reader.ts';
import type { BuildLogReader } from './build/log/build-log.reader.ts';
import type { BuildLogSource } from './build/log/build-log.source.ts';
import type { BuildQuotaService } from './build/quota/build-quota.service.ts';
import type { BuildRequestService } from './build/request/build-request.service.ts';
import type { BuildRetryService } from './build/request/build-retry.service.ts';
import type { NotebookSaveService } from './build/request/notebook-save.service.ts';
import type { ImageService } from './image/image.service.ts';
import type { ImageEditService } from './image/image-edit.service.ts';
import type { ImageLifecycleService } from './image/image-lifecycle.service.ts';
import type { ImageQuotaService } from './image/quota/image-quota.service.ts';
import type { ImageExportService } from './image/transfer/image-export.service.ts';
import type { ImageImportService } from './image/transfer/image-import.service.ts';
import type { NamespaceService } from './namespace/namespace.service.ts';
import type { NotebookService } from './notebook/notebook.service.ts';
import type { ServerFacts } from './server/server-facts.ts';
import type { AccessTokenService } from './user/access-token.service.ts';
import type { UserService } from './user/user.service.ts';
import type { WorkspaceService } from './workspace/workspace.service.ts';

/** What the API is made of; built once in app.ts, and given to every resolver with its context. */
export interface Services {
  readonly users: UserService;
  readonly accessTokens: AccessTokenService;
  readonly audit: AuditService;
  readonly namespaces: NamespaceService;
  readonly workspaces: WorkspaceService;
  readonly images: ImageService;
  readonly imageQuotas: ImageQuotaService;
  readonly imageEdits: ImageEditService;
  readonly imageLifecycle: ImageLifecycleService;
  readonly imageImports: ImageImportService;
  readonly imageExports: ImageExportService;
  readonly builds: BuildService;
  readonly buildRequests: BuildRequestService;
  readonly notebookSaves: NotebookSaveService;
  readonly buildRetries: BuildRetryService;
  readonly buildQuotas: BuildQuotaService;
  readonly buildLogs: BuildLogReader;
  readonly buildLogSource: BuildLogSource;
  readonly buildStatuses: BuildStatusReader;
  readonly buildActivity: BuildActivityReader;
  readonly notebooks: NotebookService;
  readonly serverFacts: ServerFacts;
}
