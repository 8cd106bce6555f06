/** An entity's own columns as a plain object, without the ORM's type-level marks. */
export type Row<T> = { -readonly [K in keyof T as K extends string ? K : never]: T[K] };
