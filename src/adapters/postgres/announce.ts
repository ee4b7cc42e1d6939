import type { Announcement, AnnouncementResult } from '../../ports/store.ts'
import { sealAnnouncement } from '../store-files/seal-audit.ts'
import { appendAudit, preparedStatement } from './append-audit.ts'
import { lockHead, type WriteTools } from './apply-write.ts'
import type { Client } from './client.ts'

/**
 * Appends the boundary record of an announcement and its row in the feed, in the caller's transaction, and locks the
 * audit head until its end: so no two of kind `global` by one actor pass within a minute, whichever instance they reach.
 *
 * @throws the driver's error, unmapped
 */
export async function appendAnnouncement(
  client: Client,
  { statements, tools }: WriteTools,
  announcement: Announcement,
): Promise<AnnouncementResult> {
  const { kind, target, actor } = announcement
  const head = await lockHead(client, statements)
  if (kind === 'global') {
    const { rows } = await client.query<{ wait: string | null }>(
      preparedStatement('ff_global_wait', statements.globalWait, [actor]),
    )
    const retry_after_s = Number(rows[0]?.wait ?? 0)
    if (retry_after_s > 0) return { ok: false, retry_after_s }
  }
  const record = sealAnnouncement(tools, announcement, head)
  const { seq, hash } = record
  await Promise.all([
    appendAudit(client, statements, record),
    client.query(preparedStatement('ff_insert_feed', statements.insertFeed, [seq, kind, target])),
  ])
  return { ok: true, head: { seq, hash } }
}
