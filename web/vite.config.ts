import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// `npx vite` in this folder serves the UI with hot reload and asks a running node for data.
export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    outDir: 'dist',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8514' } },
})
