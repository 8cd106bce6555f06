/**
 * Objects of which each property is made when it is first asked for, once for each object.
 *
 * @param makers how a property is made from the parts that its object was given
 */
export function lazily<Parts, T extends object>(
  makers: {
    readonly [Name in keyof T]: (parts: Parts) => T[Name];
  },
): (parts: Parts) => T {
  class Lazy {
    readonly #made: Partial<T> = {};
    readonly #parts: Parts;

    constructor(parts: Parts) {
      this.#parts = parts;
    }

    static {
      for (const name of Object.keys(makers) as (keyof T)[]) {
        Object.defineProperty(Lazy.prototype, name, {
          get(this: Lazy) {
            this.#made[name] ??= makers[name](this.#parts);
            return this.#made[name];
          },
        });
      }
    }
  }
  return (parts) => new Lazy(parts) as T;
}
