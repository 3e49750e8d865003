//! Times, owners and permissions of entries, set where they stand.

use verbatim_formats::zip::fields;

use crate::handlers::{u16_at, u32_at, u64_at};
use crate::in_place::{Context, Moment, Plan};

/// 1980-01-01, the earliest date of the format: January is 1, and so is the first day.
const EARLIEST: u32 = (1 << 21) | (1 << 16);
const EARLIEST_SECONDS: i64 = 315_532_800;
/// 2107-12-31 23:59:58.
const LATEST: u32 = 0xff9f_bf7d;

/// Date and time as the format has them, in steps of two seconds.
fn dos_time(seconds: i64) -> u32 {
    let moment = Moment::from_seconds(seconds);
    if moment.year < 1980 {
        return EARLIEST;
    }
    if moment.year > 2107 {
        return LATEST;
    }
    ((moment.year as u32 - 1980) << 25)
        | (u32::from(moment.month) << 21)
        | (u32::from(moment.day) << 16)
        | (u32::from(moment.hour) << 11)
        | (u32::from(moment.minute) << 5)
        | (u32::from(moment.second) / 2)
}

/// Back again; nonsense is taken as late.
fn seconds_of_dos(dos: u32) -> i64 {
    let month = (dos >> 21 & 15) as u8;
    let day = (dos >> 16 & 31) as u8;
    if !(1..=12).contains(&month) || day == 0 {
        return i64::MAX;
    }
    Moment {
        year: i64::from(dos >> 25) + 1980,
        month,
        day,
        hour: (dos >> 11 & 31) as u8,
        minute: (dos >> 5 & 63) as u8,
        second: (dos & 31) as u8 * 2,
    }
    .to_seconds()
}

/// The time for an entry, as the context wants it.
pub(super) struct Times<'a> {
    pub(super) context: &'a Context,
    /// Whether some entries must be older than others.
    pub(super) shifted: bool,
}

impl Times<'_> {
    pub(super) fn set_dos(&self, record: &mut [u8], at: usize, older: bool, plan: &mut Plan) {
        let old = u32::from(u16_at(record, at)) | u32::from(u16_at(record, at + 2)) << 16;
        let mut seconds = self.context.time(seconds_of_dos(old));
        if self.shifted && !(self.context.clamp && seconds == seconds_of_dos(old)) {
            // One step of the clock between them, and room for it at the earliest date.
            seconds = seconds.max(EARLIEST_SECONDS + 2) - if older { 2 } else { 0 };
        }
        let new = dos_time(seconds);
        if new != old {
            record[at..at + 4].copy_from_slice(&new.to_le_bytes());
            plan.change("times");
        }
    }

    /// Set what stands in an extra field, where it stands.
    pub(super) fn set_extra(&self, extra: &mut [u8], plan: &mut Plan) {
        let found: Vec<_> = fields(extra).collect();
        for (id, range) in found {
            let field = &mut extra[range];
            match id {
                // Extended timestamps: flags, then up to three times.
                0x5455 => {
                    if let Some((_, times)) = field.split_first_mut() {
                        times
                            .chunks_exact_mut(4)
                            .for_each(|t| self.set_unix(t, plan));
                    }
                }
                // The first field of Info-ZIP: two times, and perhaps two owners.
                0x5855 => {
                    let (times, owners) = field.split_at_mut(field.len().min(8));
                    times
                        .chunks_exact_mut(4)
                        .for_each(|t| self.set_unix(t, plan));
                    clear(owners, plan);
                }
                // Its second one: owners only.
                0x7855 => clear(field, plan),
                // Its third one: a version, and owners with their lengths.
                0x7875 if field.first() == Some(&1) => {
                    let mut rest = &mut field[1..];
                    while let Some((length, owner)) = rest.split_first_mut() {
                        let (owner, next) =
                            owner.split_at_mut(usize::from(*length).min(owner.len()));
                        clear(owner, plan);
                        rest = next;
                    }
                }
                // NTFS: reserved, then attributes with lengths; the first is three times.
                0x000a if field.len() > 4 => {
                    let found: Vec<_> = fields(&field[4..]).collect();
                    for (tag, range) in found {
                        if tag == 1 {
                            let times = &mut field[4..][range];
                            times
                                .chunks_exact_mut(8)
                                .for_each(|t| self.set_ntfs(t, plan));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn set_unix(&self, field: &mut [u8], plan: &mut Plan) {
        let old = u32_at(field, 0);
        // The field is signed where it is used at all, and 2038 is far behind 1970.
        let new = self.context.time32(old).to_le_bytes();
        if *field != new {
            field.copy_from_slice(&new);
            plan.change("times");
        }
    }

    fn set_ntfs(&self, field: &mut [u8], plan: &mut Plan) {
        // Tenths of microseconds since 1601.
        const BEFORE_1970: i64 = 11_644_473_600;
        const STEPS: u64 = 10_000_000;
        let old = u64_at(field, 0);
        let seconds = (old / STEPS) as i64 - BEFORE_1970;
        let new = self.context.time(seconds);
        if new == seconds && self.context.clamp {
            return;
        }
        let last = i64::MAX / STEPS as i64 - BEFORE_1970;
        let new = (new.clamp(-BEFORE_1970, last) + BEFORE_1970) as u64 * STEPS;
        if new != old {
            field.copy_from_slice(&new.to_le_bytes());
            plan.change("times");
        }
    }
}

fn clear(owner: &mut [u8], plan: &mut Plan) {
    if owner.iter().any(|byte| *byte != 0) {
        owner.fill(0);
        plan.change("owners");
    }
}

/// The permissions that only a umask decided: what the owner may execute, everybody may.
pub(super) fn set_mode(central: &mut [u8], plan: &mut Plan) {
    // Only what was made on Unix or macOS has them.
    if !matches!(central[5], 3 | 19) {
        return;
    }
    let old = u16_at(central, 40);
    let new = match old & 0o170_000 {
        0o100_000 if old & 0o100 != 0 => 0o100_755,
        0o100_000 => 0o100_644,
        0o040_000 => 0o040_755,
        0o120_000 => 0o120_777,
        _ => old,
    };
    if new != old {
        central[40..42].copy_from_slice(&u16::to_le_bytes(new));
        plan.change("permissions");
    }
}
