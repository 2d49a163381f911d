// The type of a field, decided once for the parser, the store, the query language and the index templates.

import { ecsFieldTypes, type FieldType } from './ecs-fields.ts'

export type { FieldType } from './ecs-fields.ts'

/** ECS decides; a field ECS does not know is a keyword. */
export function fieldType(name: string): FieldType {
  return ecsFieldTypes.get(name) ?? 'keyword'
}
