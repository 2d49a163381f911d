// A topic of ours: created as asked for, or checked against it. We never change a topic that is there.

import { type Admin, ConfigResourceTypes } from '@platformatic/kafka'
import { PipelineError } from '../../core/errors.ts'

export interface TopicOptions {
  readonly topic: string
  /** Default 12. A topic with more is fine: partitions can be added, never taken away. */
  readonly partitions?: number
  /** Default 3, and 1 where the cluster has a single broker. */
  readonly replication?: number
  /** Replicas that must have a record before it is acknowledged. Default replication - 1, at least 1. */
  readonly minInSync?: number
  /** Default 7 days. */
  readonly retentionMs?: number
  /** What retention may keep at most, a partition. Default: no limit but time. */
  readonly retentionBytes?: number
}

/** The longest request body the inputs take, and room for its headers. */
const MAX_MESSAGE_BYTES = 20 * 1024 * 1024
const DAY_MS = 86_400_000

/**
 * @returns its partitions
 * @throws TOPIC_UNFIT when it is there and differs in what keeps records safe
 */
export async function ensureTopic(admin: Admin, options: TopicOptions): Promise<number> {
  const { topic, retentionMs = 7 * DAY_MS, retentionBytes = -1, partitions = 12 } = options
  const { brokers } = await admin.metadata({ topics: [], forceUpdate: true })
  const replication = options.replication ?? Math.min(3, Math.max(1, brokers.size))
  const minInSync = options.minInSync ?? Math.max(1, replication - 1)
  if (!(await admin.listTopics()).includes(topic)) {
    const configs = {
      'min.insync.replicas': minInSync,
      'retention.ms': retentionMs,
      'retention.bytes': retentionBytes,
      'max.message.bytes': MAX_MESSAGE_BYTES,
      'cleanup.policy': 'delete',
      'message.timestamp.type': 'LogAppendTime',
      'unclean.leader.election.enable': false,
    }
    try {
      await admin.createTopics({
        topics: [topic],
        partitions,
        replicas: replication,
        configs: Object.entries(configs).map(([name, value]) => ({ name, value: String(value) })),
      })
    } catch (error) {
      // Another process of ours may have been quicker.
      if (!(await admin.listTopics()).includes(topic)) throw error
    }
  }
  return checkTopic(admin, { ...options, partitions, retentionMs, replication, minInSync })
}

async function checkTopic(admin: Admin, wanted: Required<Omit<TopicOptions, 'retentionBytes'>>): Promise<number> {
  const { topic } = wanted
  const unfit = (problem: string, hint: string) => new PipelineError('TOPIC_UNFIT', { topic, problem, hint })
  const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true })
  const found = topics.get(topic)
  if (!found) throw unfit('its partitions are not known', 'try again')
  if (found.partitionsCount < wanted.partitions) {
    throw unfit(
      `${found.partitionsCount} partitions, ${wanted.partitions} wanted`,
      'add partitions while nothing is written (one sender stays on one partition), or lower bus.kafka.partitions',
    )
  }
  const replicas = Math.min(...found.partitions.map((partition) => partition.replicas.length))
  if (replicas < wanted.replication) {
    throw unfit(
      `${replicas} replicas, ${wanted.replication} wanted`,
      'reassign its partitions, or lower bus.kafka.replication',
    )
  }
  const [described] = await admin.describeConfigs({
    resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null }],
  })
  const config = new Map(described?.configs.map(({ name, value }) => [name, value ?? '']))
  const set = (name: string, value: string | number) =>
    `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ${name}=${value}`
  const policy = config.get('cleanup.policy') ?? ''
  if (policy !== 'delete') {
    throw unfit(`cleanup.policy is '${policy}': compaction would delete records`, set('cleanup.policy', 'delete'))
  }
  const timestamps = config.get('message.timestamp.type') ?? ''
  if (timestamps !== 'LogAppendTime') {
    throw unfit(
      `message.timestamp.type is '${timestamps}': retention would delete old log lines the moment they arrive`,
      set('message.timestamp.type', 'LogAppendTime'),
    )
  }
  const atLeast = (name: string, least: number) => {
    const value = Number(config.get(name))
    if (value === -1 || value >= least) return
    throw unfit(`${name} is ${value}, at least ${least} wanted`, set(name, least))
  }
  atLeast('min.insync.replicas', wanted.minInSync)
  atLeast('retention.ms', wanted.retentionMs)
  atLeast('max.message.bytes', MAX_MESSAGE_BYTES)
  return found.partitionsCount
}
