import { type GraphQLError, Kind, print } from 'graphql';

/**
 * What graphql-js says of a document or of variables, without the values that it quotes: any of them may be a secret, and answers are
 * kept in logs of clients and proxies. Places, types and names of fields are left, so what is wrong and where can still be seen.
 */
export function withoutValues(error: GraphQLError): string {
  const variable = VARIABLE.exec(error.message)?.[1];
  return variable === undefined ? withoutLiterals(error.message) : ofVariable(variable, error);
}

const VARIABLE = /^Variable "\$(\w+)" got invalid value /;
// In a quoted value, quotation marks have a backslash before them.
const PLACE = / at "([\w.[\]]+)"; /;

function ofVariable(name: string, error: GraphQLError): string {
  const { message } = error;
  const place = PLACE.exec(message);
  const where = place ? ` at "${place[1]}"` : '';
  const type = place ? null : typeOfVariable(error);
  const reason =
    MISFITS.map((misfit) => misfit.exec(message)?.[1]).find((found) => found !== undefined) ??
    (place && ofLeaf(message.slice(place.index + place[0].length))) ??
    // Without a place it is the variable itself that does not fit.
    (type === null ? 'It is not of the right type.' : `Expected a value of type "${type}".`);
  return `Variable "$${name}" got an invalid value${where}; ${reason}`;
}

/** How messages end that quote nothing but types and names of fields. */
const MISFITS = [
  /; (Expected non-nullable type "[\w![\]]+" not to be null\.)$/,
  /; (Expected type "\w+" to be an object\.)$/,
  /; (Field "\w+" of required type "[\w![\]]+" was not provided\.)$/,
  /; (Not a decimal number: give digits, with a dot before the fraction, e\.g\. 12 or "12\.50"\.)$/,
  /; (Field "\w{1,64}" is not defined by type "\w+"\.(?: Did you mean [^?]*\?)?)$/,
];

/** @returns `null` where it may quote the value */
function ofLeaf(reason: string): string | null {
  const shown = withoutLiterals(reason);
  return shown === reason ? null : shown;
}

/** Each finds a message that quotes a value, and says the same without. */
const QUOTING: readonly (readonly [RegExp, string])[] = [
  [/^(Expected value of type "[\w![\]]+"), found (?!null\.).*$/s, '$1.'],
  [/^(Enum "\w+" cannot represent (?:non-\w+ )?value): .*?( Did you mean [^?]*\?)?$/s, '$1.$2'],
  [
    /^Value ".*" does not exist in ("\w+" enum\.(?: Did you mean [^?]*\?)?)$/s,
    'There is no such value in the $1',
  ],
  [/^(Expected type "\w+")\. .*$/s, '$1.'],
  [/^(\w+ cannot represent (?:an? )?(?:(?:non|unsafe)[ -][\w -]{1,40}? )?value): .*$/s, '$1.'],
  [/^(\w+) cannot represent .*$/s, 'Expected a value of type "$1".'],
  [/^(Argument "\w+") has invalid value .*$/s, '$1 has an invalid value.'],
  [/^(Syntax Error: .*?\b(?:found|Unexpected) (?:String|BlockString|Int|Float)) ".*$/s, '$1.'],
];

function withoutLiterals(message: string): string {
  const found = QUOTING.find(([quoting]) => quoting.test(message));
  return found ? message.replace(...found) : message;
}

function typeOfVariable({ nodes }: GraphQLError): string | null {
  const node = nodes?.[0];
  return node?.kind === Kind.VARIABLE_DEFINITION ? print(node.type) : null;
}
