// The shapes of requests (core/api.ts) as schemas: they validate, give types and become the OpenAPI page. Unknown keys are
// refused: a misspelt `limt` that does nothing would be a silent failure.

import Type from 'typebox'

const strict = { additionalProperties: false } as const

const Query = Type.String({ maxLength: 8192, description: 'The search line; empty matches everything.' })
const Time = Type.String({ maxLength: 64, description: '2026-11-22T10:00:00Z, now, now-15m, 15m (= now-15m), today.' })
const range = {
  query: Type.Optional(Query),
  since: Type.Optional(Type.String({ ...Time, default: 'now-15m' })),
  until: Type.Optional(Type.String({ ...Time, default: 'now' })),
}
const Field = Type.String({ minLength: 1, maxLength: 256, description: 'Dotted ECS name.' })
const Id = Type.String({ minLength: 1, maxLength: 200 })
/** A count in the query string: text there, so a pattern and not a number. */
const Count = (description: string) => Type.String({ pattern: '^[0-9]{1,4}$', description })
const Status = Type.Union([Type.Literal('open'), Type.Literal('acknowledged'), Type.Literal('closed')])

export const RangeBody = Type.Object(range, strict)
export const SearchBody = Type.Object(
  {
    ...range,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 100.' })),
    cursor: Type.Optional(Type.String({ maxLength: 4096 })),
    order: Type.Optional(Type.Union([Type.Literal('desc'), Type.Literal('asc')])),
  },
  strict,
)
export const HistogramBody = Type.Object(
  { ...range, bars: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })), by: Type.Optional(Field) },
  strict,
)
export const ValuesBody = Type.Object(
  { ...range, field: Field, size: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })) },
  strict,
)
export const ExportQuery = Type.Object(
  {
    query: Type.Optional(Query),
    since: Type.Optional(Time),
    until: Type.Optional(Time),
    format: Type.Optional(Type.Union([Type.Literal('csv'), Type.Literal('ndjson')])),
    columns: Type.Optional(Type.String({ maxLength: 8192, description: 'Of events as CSV, comma between; else all.' })),
    order: Type.Optional(Type.Union([Type.Literal('desc'), Type.Literal('asc')])),
    bom: Type.Optional(Type.Literal('1', { description: 'CSV begins with a byte order mark, for spreadsheets.' })),
  },
  strict,
)
export const SavedBody = Type.Object({ name: Type.String({ minLength: 1, maxLength: 200 }), ...range }, strict)
export const FieldsBody = Type.Object(
  { ...range, values: Type.Optional(Type.Boolean({ description: 'Top values, smallest and largest of each.' })) },
  strict,
)
export const ReparseBody = Type.Object(
  {
    since: Time,
    until: Type.Optional(Time),
    source: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
    all: Type.Optional(Type.Boolean()),
  },
  strict,
)
export const EventParams = Type.Object({ id: Id }, strict)
export const AroundQuery = Type.Object(
  { before: Type.Optional(Count('0..200, default 20')), after: Type.Optional(Count('0..200, default 20')) },
  strict,
)
export const TailQuery = Type.Object(
  {
    query: Type.Optional(Query),
    resume: Type.Optional(Type.String({ maxLength: 4096 })),
    rate: Type.Optional(Count('1..9999 events a second at most; what is left out is counted')),
  },
  strict,
)
export const AlertsQuery = Type.Object(
  {
    limit: Type.Optional(Count('1..500, default 50')),
    after: Type.Optional(Id),
    status: Type.Optional(Status),
  },
  strict,
)
export const AlertStatusBody = Type.Object(
  { status: Status, reason: Type.Optional(Type.String({ maxLength: 2000 })) },
  strict,
)
const FieldValue = Type.Union([Type.String({ maxLength: 4096 }), Type.Number(), Type.Boolean()])
export const ExceptionBody = Type.Object(
  {
    fields: Type.Record(
      Type.String({ minLength: 1, maxLength: 300 }),
      Type.Union([FieldValue, Type.Array(FieldValue, { minItems: 1, maxItems: 100 })]),
      { maxProperties: 20 },
    ),
    reason: Type.String({ minLength: 1, maxLength: 1000 }),
    until: Type.String({ minLength: 1, maxLength: 60 }),
  },
  strict,
)
export const SignInBody = Type.Object({ token: Type.String({ minLength: 1, maxLength: 200 }) }, strict)
