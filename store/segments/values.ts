// How two values compare: the same for the store and for the pipes, so it lives in core.

export * from '../../core/scalars.ts'
