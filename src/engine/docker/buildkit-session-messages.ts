import type { MethodDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/**
 * What BuildKit may ask of the one who called it, and our answers; the fields that are used.
 *
 * @see https://github.com/moby/buildkit/tree/master/session auth/auth.proto, secrets/secrets.proto
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
const { root } = protobuf.parse(
  `syntax = "proto3";
  message CredentialsRequest { string Host = 1; }
  message CredentialsResponse { string Username = 1; string Secret = 2; }
  message GetSecretRequest { string ID = 1; }
  message GetSecretResponse { bytes data = 1; }
  message HealthCheckRequest { string service = 1; }
  message HealthCheckResponse { int32 status = 1; }`,
  { keepCase: true },
);

export interface CredentialsRequest {
  /** `host[:port]` of the registry. */
  readonly Host: string;
}
export interface GetSecretRequest {
  readonly ID: string;
}

/** A health check's answer that all is well. */
export const SERVING = 1;

export const METHODS = {
  Credentials: unary('/moby.filesync.v1.Auth/Credentials', 'CredentialsRequest', 'CredentialsResponse'),
  GetSecret: unary('/moby.buildkit.secrets.v1.Secrets/GetSecret', 'GetSecretRequest', 'GetSecretResponse'),
  /** Asked twice a second; a session that does not answer is given up. */
  Check: unary('/grpc.health.v1.Health/Check', 'HealthCheckRequest', 'HealthCheckResponse'),
};

function unary(path: string, request: string, response: string): MethodDefinition<object, object> {
  const [asked, answered] = [root.lookupType(request), root.lookupType(response)];
  const encode = (type: protobuf.Type) => (value: object) => Buffer.from(type.encode(value).finish());
  const decode = (type: protobuf.Type) => (bytes: Buffer) => type.decode(bytes);
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: encode(asked),
    requestDeserialize: decode(asked),
    responseSerialize: encode(answered),
    responseDeserialize: decode(answered),
  };
}
