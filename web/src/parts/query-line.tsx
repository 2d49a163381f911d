import { autocompletion, type CompletionContext } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { EditorState, Prec } from '@codemirror/state'
import { EditorView, keymap, placeholder } from '@codemirror/view'
import { useEffect, useRef } from 'react'
import { functionNames, measureNames, type Pipe } from '../../../core/query.ts'
import { api } from '../client.ts'
import { useText } from '../i18n.tsx'
import { splitQuery } from '../query-text.ts'

/** The search line: field and value completion from the real data, Enter runs it. */
export function QueryLine({ value, onRun, since }: { value: string; onRun: (query: string) => void; since: string }) {
  const { t } = useText()
  const box = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(null)
  const run = useRef(onRun)
  run.current = onRun
  const range = useRef(since)
  range.current = since

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once; what changes goes through refs
  useEffect(() => {
    if (!box.current) return
    const editor = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          Prec.highest(
            keymap.of([
              {
                key: 'Enter',
                run: (editorView) => {
                  run.current(editorView.state.doc.toString().trim())
                  return true
                },
              },
            ]),
          ),
          history(),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          EditorState.transactionFilter.of((tr) => (tr.newDoc.lines > 1 ? [] : tr)), // one line
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': t('search'), spellcheck: 'false' }),
          placeholder(t('queryHint')),
          autocompletion({ override: [(context) => complete(context, range.current)] }),
          EditorView.theme({
            '&': { border: '1px solid var(--mantine-color-default-border)', borderRadius: '4px', fontSize: '14px' },
            '&.cm-focused': { outline: '2px solid var(--mantine-primary-color-filled)' },
            '.cm-content': { padding: '7px 4px', caretColor: 'var(--mantine-color-text)' },
            '.cm-tooltip': { background: 'var(--mantine-color-body)', color: 'var(--mantine-color-text)' },
          }),
        ],
      }),
    })
    view.current = editor
    return () => editor.destroy()
  }, [])

  useEffect(() => {
    const editor = view.current
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } })
    }
  }, [value])

  return <div ref={box} style={{ flex: 1, minWidth: 0 }} data-query-line />
}

const stages: readonly Pipe['kind'][] = [
  ...(['stats', 'timechart', 'top', 'rare', 'patterns', 'sort', 'head', 'fields', 'dedup', 'where', 'eval'] as const),
  'context',
]
const words = [...measureNames, ...functionNames].map((label) => ({ label, apply: `${label}(`, type: 'function' }))

async function complete(context: CompletionContext, since: string) {
  const typed = context.matchBefore(/[\w.@-]+:?"?[^\s"]*/)
  if (!typed && !context.explicit) return null
  const text = typed?.text ?? ''
  const from = typed?.from ?? context.pos
  const before = context.state.sliceDoc(0, context.pos)
  const inStages = splitQuery(before).stages !== ''
  if (inStages && /\|\s*\w*$/.test(before)) {
    return { from, options: stages.map((label) => ({ label, apply: `${label} `, type: 'keyword' })) }
  }
  const colon = inStages ? -1 : text.indexOf(':')
  try {
    if (colon < 0) {
      const { fields } = await api.fields({ since })
      return {
        from,
        options: [
          ...(inStages ? words : []),
          ...fields.map(({ name, count }) => ({
            label: name,
            apply: inStages ? name : `${name}:`,
            detail: String(count),
            type: 'property',
          })),
        ],
      }
    }
    const { values } = await api.values({ field: text.slice(0, colon), since, size: 20 })
    return {
      from: from + colon + 1,
      options: values.map(({ value, count }) => ({
        label: String(value),
        apply: typeof value === 'string' ? `"${value.replace(/[\\"]/g, '\\$&')}" ` : `${value} `,
        detail: String(count),
      })),
    }
  } catch {
    return null // completion is a help, not an answer: the search itself says what is wrong
  }
}
