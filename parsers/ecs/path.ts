// What follows from a path: the name of a file, where it lies, its extension; the name of a program.

import type { EcsEvent, EcsValue } from '../../core/event.ts'

const lastSlash = (path: string) => Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'))

/** file.name, .directory and .extension from file.path, where they are missing. */
export function completeFile(file: EcsEvent): void {
  const { path } = file
  if (typeof path !== 'string') {
    if (typeof file['name'] === 'string') setExtension(file, file['name'])
    return
  }
  const slash = lastSlash(path)
  const name = path.slice(slash + 1)
  if (name !== '') {
    file['name'] ??= name
    setExtension(file, name)
  }
  if (slash > 0) file['directory'] ??= path.slice(0, slash)
  else if (slash === 0) file['directory'] ??= '/'
}

function setExtension(file: EcsEvent, name: string): void {
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 ? name.slice(dot + 1) : ''
  if (file['extension'] === undefined && /^[A-Za-z0-9_]{1,20}$/.test(extension)) file['extension'] = extension
}

/** process.name from process.executable, process.args_count from process.args; of the parent too. */
export function completeProcess(process: EcsEvent): void {
  const { executable, args, parent } = process
  if (process['name'] === undefined && typeof executable === 'string') {
    const name = executable.slice(lastSlash(executable) + 1)
    if (name !== '') process['name'] = name
  }
  if (Array.isArray(args)) process['args_count'] ??= args.length
  if (isObject(parent)) completeProcess(parent)
}

const isObject = (value: EcsValue): value is EcsEvent =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
