import { quoteLiteral } from '../../util/postgres.js'
import type { CaptureObjects } from './objects.js'
import { MODE } from './settings.js'

/** A segment that is larger is exchanged for the other one. */
export const SEGMENT_BYTES = 33_554_432
/** A log that is larger, and cannot be emptied because something keeps a lock on both segments, goes on without rows. */
export const COARSE_BYTES = 1_073_741_824
const LOCK_TIMEOUT_MS = 100

/**
 * The function by which a reader keeps the log small: `rotate(horizon, due)` returns what it did, in words. At most one
 * reader at a time does anything.
 *
 *     inactive segment   everything in it is visible in `horizon`   → truncated
 *     active segment     large, or `due`, and the other is empty    → the other becomes active
 *     both in use        a lock keeps the inactive one              → the smaller one becomes active
 *     log too large      nothing can be truncated                   → writers log no rows any more, until it can
 *
 * `horizon` is a snapshot of some time ago: readers who have read since lose nothing. What readers who have not yet read
 * it lose, they learn from `dropped`, a sequence, because an old snapshot would not show it to them in a table.
 */
export function rotateFunction(objects: CaptureObjects): string[] {
  return [
    `CREATE OR REPLACE FUNCTION ${objects.rotate}(horizon pg_catalog.pg_snapshot, due boolean) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '${LOCK_TIMEOUT_MS}ms'
  AS ${quoteLiteral(body(objects))}`,
    `REVOKE ALL ON FUNCTION ${objects.rotateSignature} FROM PUBLIC`,
  ]
}

function body(objects: CaptureObjects): string {
  const key = quoteLiteral(`pg-realtime rotate ${objects.schema}`)
  const sizes = objects.segments.map((segment) => `pg_total_relation_size(${quoteLiteral(segment)}::regclass)`)
  const heaps = objects.segments.map((segment) => `pg_relation_size(${quoteLiteral(segment)}::regclass)`)
  const unread = (segment: string): string =>
    // What a dump brought from elsewhere has numbers that are still to come here, and is nobody's.
    `EXISTS (SELECT FROM ${segment} WHERE xid >= pg_snapshot_xmax(horizon) AND xid < pg_snapshot_xmax(pg_current_snapshot()))
        OR EXISTS (SELECT FROM ${segment} WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(horizon))))`
  const empty = (index: 0 | 1): string => {
    const segment = objects.segments[index]
    const dropped = `${quoteLiteral(objects.dropped[index])}::regclass`
    // Looked at again under the lock: a late writer may have come.
    return `
        unread := ${unread(segment)};
        IF NOT unread THEN
          LOCK TABLE ${segment} IN ACCESS EXCLUSIVE MODE;
          unread := ${unread(segment)};
        END IF;
        IF NOT unread THEN
          newest := (SELECT xid::text::int8 FROM ${segment} WHERE xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY xid DESC LIMIT 1);
          dropped := coalesce(pg_sequence_last_value(${dropped}), 0) + 1;
          -- So is a number that a dump brought.
          PERFORM setval(${dropped}, greatest(coalesce(newest, 0), CASE WHEN dropped < pg_snapshot_xmax(pg_current_snapshot())::text::int8 THEN dropped ELSE 0 END));
          TRUNCATE ${segment};
        END IF;`
  }
  return `DECLARE
  mode bigint;
  active int;
  sizes bigint[] := ARRAY[${sizes.join(', ')}];
  heaps bigint[] := ARRAY[${heaps.join(', ')}];
  blocked boolean := false;
  unread boolean;
  newest bigint;
  dropped bigint;
  done text := '';
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended(${key}, 0)) THEN RETURN 'another reader rotates'; END IF;
  mode := pg_sequence_last_value(${quoteLiteral(objects.mode)}::regclass);
  active := mode & ${MODE.segment};
  IF heaps[2 - active] > 0 THEN
    BEGIN
      IF horizon IS NULL THEN
        unread := true;
      ELSIF active = 1 THEN${empty(0)}
      ELSE${empty(1)}
      END IF;
      IF NOT unread THEN
        sizes[2 - active] := 0;
        heaps[2 - active] := 0;
        done := 'truncated';
      END IF;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
      blocked := true;
      done := 'locked';
    END;
  END IF;
  IF heaps[active + 1] > 0 AND (CASE WHEN blocked
      THEN sizes[active + 1] > ${SEGMENT_BYTES} AND sizes[active + 1] > sizes[2 - active]
      WHEN heaps[2 - active] > 0 THEN false
      ELSE due OR sizes[active + 1] > ${SEGMENT_BYTES} END) THEN
    mode := mode # ${MODE.segment};
    done := done || ' switched';
  END IF;
  IF sizes[1] + sizes[2] > ${COARSE_BYTES} THEN
    mode := mode | ${MODE.coarse};
    done := done || ' coarse';
  ELSIF sizes[1] + sizes[2] < ${COARSE_BYTES / 2} THEN
    mode := mode & ~${MODE.coarse}::bigint;
  END IF;
  IF mode <> pg_sequence_last_value(${quoteLiteral(objects.mode)}::regclass) THEN
    PERFORM setval(${quoteLiteral(objects.mode)}::regclass, mode);
  END IF;
  RETURN trim(done);
END`
}
