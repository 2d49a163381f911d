// One partition is enough on one machine; the layout keeps the place for more.
export const PARTITION = 0
export const PARTITION_DIR = `p${PARTITION}`
