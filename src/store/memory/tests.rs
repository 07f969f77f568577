use std::thread;

use super::*;
use crate::store::Kind;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(NOW.unix() + second)
}

/// Keys of one tenant; `shard` decides where they lie, `number` tells them apart.
fn key_in(shard: u8, number: u64) -> Key {
    let mut bytes = [0x5a; 32];
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[16] = shard;
    Key::from_bytes(bytes)
}

fn key(number: u64) -> Key {
    key_in(number.to_le_bytes()[0], number)
}

fn write(key: Key, expected: u64) -> Write<'static> {
    Write {
        key,
        kind: Kind::Slot,
        expected: Version::new(expected),
        discard_after: Some(at(86_400)),
        body: b"body",
    }
}

fn until(second: i64, write: Write<'static>) -> Write<'static> {
    Write {
        discard_after: Some(at(second)),
        ..write
    }
}

fn version(store: &MemoryStore, key: Key) -> Option<u64> {
    found(store, key).map(|(version, _)| version)
}

fn found(store: &MemoryStore, key: Key) -> Option<(u64, Vec<u8>)> {
    let mut cells = Vec::new();
    store.load(&[key], &mut cells).unwrap();
    let cell = cells.pop().unwrap()?;
    Some((cell.version().get(), cell.body().to_vec()))
}

fn commit(store: &MemoryStore, writes: &[Write<'_>]) -> Commit {
    store.commit(writes, NOW).unwrap()
}

#[test]
fn a_full_store_refuses_inserts_only() {
    let store = MemoryStore::with_capacity_limit(3);
    for number in 0..3 {
        assert_eq!(commit(&store, &[write(key(number), 0)]), Commit::Done);
    }
    let fourth = store.commit(&[write(key(3), 0)], NOW);
    assert!(matches!(fourth, Err(Error::Full)));
    let both = store.commit(&[write(key(0), 1), write(key(3), 0)], NOW);
    assert!(matches!(both, Err(Error::Full)));
    assert_eq!((version(&store, key(0)), store.len()), (Some(1), 3));
    let all: Vec<_> = (0..3).map(|number| write(key(number), 1)).collect();
    assert_eq!(commit(&store, &all), Commit::Done);
    assert_eq!(version(&store, key(2)), Some(2));
}

#[test]
fn a_lost_race_at_the_limit_is_a_conflict() {
    let store = MemoryStore::with_capacity_limit(1);
    assert_eq!(commit(&store, &[write(key(0), 0)]), Commit::Done);
    assert_eq!(commit(&store, &[write(key(0), 0)]), Commit::Conflict);
}

#[test]
fn an_expired_cell_makes_room_whatever_shard_it_is_in() {
    let store = MemoryStore::with_capacity_limit(1);
    assert_eq!(
        commit(&store, &[until(-1, write(key_in(9, 1), 0))]),
        Commit::Done
    );
    assert_eq!(commit(&store, &[write(key_in(40, 2), 0)]), Commit::Done);
    assert_eq!(version(&store, key_in(9, 1)), None);
    assert_eq!(store.len(), 1);
}

#[test]
fn a_cell_goes_after_its_time_not_at_it() {
    let store = MemoryStore::with_capacity_limit(1);
    assert_eq!(commit(&store, &[until(0, write(key(0), 0))]), Commit::Done);
    assert_eq!(store.purge(NOW, 1).unwrap(), 0);
    assert!(matches!(
        store.commit(&[write(key(1), 0)], NOW),
        Err(Error::Full)
    ));
    assert_eq!(store.purge(at(1), 1).unwrap(), 1);
    assert!(store.is_empty());
}

#[test]
fn a_commit_drops_nothing_while_there_is_room_nor_for_a_clock_that_jumped() {
    let store = MemoryStore::with_capacity_limit(5);
    for number in 0..5 {
        let brief = until(5, write(key_in(7, number), 0));
        assert_eq!(commit(&store, &[brief]), Commit::Done);
    }
    // Three days later: the first commit is not believed, and moves what is known by a day.
    let later = at(3 * 86_400);
    let insert = |number| store.commit(&[write(key_in(7, number), 0)], later);
    assert!(matches!(insert(9), Err(Error::Full)));
    assert!(matches!(insert(9), Err(Error::Full)));
    assert_eq!(store.len(), 5);
    assert_eq!(insert(9).unwrap(), Commit::Done);
    assert_eq!(store.len(), 5);
    let roomy = MemoryStore::new();
    let brief = until(5, write(key_in(7, 0), 0));
    assert_eq!(commit(&roomy, &[brief]), Commit::Done);
    let hour = roomy.commit(&[write(key_in(7, 1), 0)], at(3_600));
    assert_eq!((hour.unwrap(), roomy.len()), (Commit::Done, 2));
}

#[test]
fn an_expired_cell_is_like_any_other_for_the_commit_that_names_it() {
    let store = MemoryStore::new();
    assert_eq!(
        commit(&store, &[until(-1, write(key_in(7, 0), 0))]),
        Commit::Done
    );
    assert_eq!(version(&store, key_in(7, 0)), Some(1));
    let revive = [write(key_in(7, 1), 0), write(key_in(7, 0), 1)];
    assert_eq!(commit(&store, &revive), Commit::Done);
    assert_eq!(version(&store, key_in(7, 0)), Some(2));
    assert_eq!(store.purge(at(86_400), 9).unwrap(), 0);
}

#[test]
fn a_purge_follows_the_latest_time_and_stops_at_its_limit() {
    let store = MemoryStore::keeping_records_until_exit();
    for number in 0..20 {
        assert_eq!(
            commit(&store, &[until(5, write(key(number), 0))]),
            Commit::Done
        );
    }
    assert_eq!(commit(&store, &[until(50, write(key(0), 1))]), Commit::Done);
    let forever = Write {
        discard_after: None,
        ..write(key(1), 1)
    };
    assert_eq!(commit(&store, &[forever]), Commit::Done);
    assert_eq!(commit(&store, &[until(2, write(key(2), 1))]), Commit::Done);
    assert_eq!(store.purge(at(4), usize::MAX).unwrap(), 1);
    assert_eq!(version(&store, key(2)), None);
    assert_eq!(store.purge(at(6), 10).unwrap(), 10);
    assert_eq!(store.purge(at(6), 0).unwrap(), 0);
    assert_eq!(store.purge(at(6), 10).unwrap(), 7);
    assert_eq!(store.purge(Timestamp::from_unix(i64::MAX), 10).unwrap(), 1);
    assert_eq!((version(&store, key(1)), store.len()), (Some(2), 1));
}

#[test]
fn what_cannot_be_kept_is_refused_before_the_first_effect() {
    let store = MemoryStore::new();
    let forever = Write {
        discard_after: None,
        ..write(key(4), 0)
    };
    let long = vec![0; MAX_BODY + 1];
    let too_long = Write {
        body: &long,
        ..write(key(4), 0)
    };
    let mut writes: Vec<_> = (0..4).map(|number| write(key(number), 0)).collect();
    for refused in [forever, too_long, write(key(0), 0)] {
        writes.push(refused);
        assert!(matches!(
            store.commit(&writes, NOW),
            Err(Error::Unsupported)
        ));
        writes.pop();
    }
    let nine: Vec<_> = (0..9).map(|number| write(key(number), 0)).collect();
    assert!(matches!(store.commit(&nine, NOW), Err(Error::Unsupported)));
    assert!(store.is_empty());

    let longest = Write {
        body: &long[1..],
        ..write(key(4), 0)
    };
    writes.push(longest);
    assert_eq!(commit(&store, &writes), Commit::Done);
    assert_eq!(store.len(), 5);
}

#[test]
fn the_class_is_that_of_this_process_unless_built_otherwise() {
    assert_eq!(MemoryStore::default().class(), Class::Process);
    let kept = MemoryStore::keeping_records_until_exit();
    assert_eq!(kept.class(), Class::Permanent);
    let forever = Write {
        discard_after: None,
        ..write(key(0), 0)
    };
    assert_eq!(commit(&kept, &[forever]), Commit::Done);
}

#[test]
fn cells_of_one_tenant_spread_over_all_shards_and_hashes() {
    assert_eq!(shard::hash(&key_in(3, 0x0102)), 0x0102);
    assert_ne!(shard_of(&key_in(3, 1)), shard_of(&key_in(4, 1)));
    assert_eq!(shard_of(&key_in(255, 1)), SHARDS - 1);
    let mut keys = [0; SHARDS];
    (0..=255).for_each(|byte| keys[shard_of(&key_in(byte, 1))] += 1);
    assert!(keys.is_sorted() && keys[..21] == [3; 21] && keys[43..] == [5; 21]);
}

#[test]
fn debug_shows_counts_and_no_cell() {
    let store = MemoryStore::with_capacity_limit(9);
    assert_eq!(commit(&store, &[write(key(1), 0)]), Commit::Done);
    assert_eq!(
        format!("{store:?}"),
        "MemoryStore { cells: 1, capacity: 9, class: Process, .. }"
    );
}

#[test]
fn eight_threads_fill_a_store_to_its_limit_and_not_beyond() {
    let store = MemoryStore::with_capacity_limit(1_001);
    let done: u64 = thread::scope(|scope| {
        let fill = |thread: u64| {
            let mut done = 0;
            for pair in 0..200 {
                let first = key(thread * 1_000 + pair * 2);
                let second = key(thread * 1_000 + pair * 2 + 1);
                match store.commit(&[write(first, 0), write(second, 0)], NOW) {
                    Ok(Commit::Done) => done += 2,
                    Err(Error::Full) => assert_eq!(version(&store, second), None),
                    other => panic!("{other:?}"),
                }
            }
            done
        };
        let threads: Vec<_> = (0..8)
            .map(|thread| scope.spawn(move || fill(thread)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!((done, store.len()), (1_000, 1_000));
    assert_eq!(commit(&store, &[write(key(9_999), 0)]), Commit::Done);
    let present: usize = store
        .shards
        .iter()
        .map(|shard| shard.lock().unwrap().len())
        .sum();
    assert_eq!(present, 1_001);
}

#[test]
fn the_count_stays_exact_while_threads_insert_update_and_purge() {
    let store = MemoryStore::with_capacity_limit(50);
    thread::scope(|scope| {
        for thread in 0..8_u64 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..500 {
                    let number = (thread * 7 + round) % 90;
                    let expected = version(store, key(number)).unwrap_or(0);
                    let second = i64::try_from(round % 3).unwrap() - 1;
                    match store.commit(&[until(second, write(key(number), expected))], NOW) {
                        Ok(_) | Err(Error::Full) => {}
                        other => panic!("{other:?}"),
                    }
                    assert!(store.len() <= 50);
                    if round % 10 == 0 {
                        store.purge(NOW, 3).unwrap();
                    }
                }
            });
        }
    });
    let shards: Vec<_> = store
        .shards
        .iter()
        .map(|shard| shard.lock().unwrap())
        .collect();
    let present: usize = shards.iter().map(|shard| shard.len()).sum();
    drop(shards);
    assert_eq!(present, store.len());
    // The broom knows of each: all go once their time is over.
    assert_eq!(store.purge(at(2), usize::MAX).unwrap(), present);
    assert!(store.is_empty());
}

/// Times that move both ways, over pages and within them, for ever and back; a clock that does too;
/// bodies that grow and shrink meanwhile.
#[test]
fn a_purge_drops_what_is_over_and_nothing_else_however_times_moved() {
    let store = MemoryStore::keeping_records_until_exit();
    let mut model = std::collections::BTreeMap::<u64, (u64, Option<i64>, Vec<u8>)>::new();
    let mut seed = 0x9E37_79B9_u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (mut now, mut dropped_in_all) = (0_i64, 0);
    for _ in 0..60_000 {
        let number = random(40);
        let key = key_in(0, number);
        if random(8) == 0 {
            now = now.saturating_add_unsigned(random(900)) - 300;
            let limit = usize::try_from(random(6)).unwrap();
            let dropped = store.purge(at(now), limit).unwrap();
            let over = |time: &Option<i64>| time.is_some_and(|time| time < now);
            let due = model.values().filter(|(_, time, _)| over(time)).count();
            assert_eq!(dropped, due.min(limit));
            dropped_in_all += dropped;
            model.retain(|number, (expected, time, body)| {
                let there = found(&store, key_in(0, *number));
                assert!(there == Some((*expected, body.clone())) || there.is_none() && over(time));
                there.is_some()
            });
        }
        let expected = model.get(&number).map_or(0, |(version, ..)| *version);
        let body = vec![
            expected.to_le_bytes()[0];
            [4, 18, 32, 33, 96, 97][usize::try_from(random(6)).unwrap()]
        ];
        let time = match random(20) {
            0 => None,
            1 => Some(i64::MAX),
            2..10 => Some(now + i64::try_from(random(1_000)).unwrap() - 100),
            _ => Some(now + i64::try_from(random(200_000)).unwrap()),
        };
        let write = Write {
            discard_after: time
                .map(|second| Timestamp::from_unix(NOW.unix().saturating_add(second))),
            body: &body,
            ..write(key, expected)
        };
        // Its own clock is long ago: this insert drops nothing.
        let outcome = store.commit(&[write], Timestamp::from_unix(i64::MIN));
        assert_eq!(outcome.unwrap(), Commit::Done);
        model.insert(number, (expected + 1, time, body));
    }
    assert!(dropped_in_all > 1_000, "the purge had little to do");
}

#[test]
fn short_and_long_bodies_take_each_others_place() {
    let store = MemoryStore::new();
    let lengths = [
        0, 32, 33, 96, 97, 500, 96, 0, 97, 200, 95, 20, 97, 33, 32, 300, 31, 97, 96,
    ];
    for first in 0..lengths.len() {
        let key = |number| key(2 * first as u64 + number);
        for (expected, length) in (0..).zip(&lengths[first..]) {
            let body: Vec<u8> = (0..*length)
                .map(|byte: usize| byte.to_le_bytes()[0])
                .collect();
            let write = Write {
                body: &body,
                ..write(key(1), expected)
            };
            assert_eq!(commit(&store, &[write]), Commit::Done);
            assert_eq!(found(&store, key(1)), Some((expected + 1, body)));
            assert_eq!(found(&store, key(2)), None);
        }
    }
}

#[test]
fn the_limit_counts_cells_whatever_their_size_and_none_grows_out_of_it() {
    let store = MemoryStore::with_capacity_limit(3);
    let of = |number, expected, length: usize| Write {
        body: &[7; 200][..length],
        ..write(key_in(0, number), expected)
    };
    for (number, length) in [(0, 18), (1, 96), (2, 200)] {
        assert_eq!(commit(&store, &[of(number, 0, length)]), Commit::Done);
    }
    for length in [18, 96, 200] {
        let fourth = store.commit(&[of(3, 0, length)], NOW);
        assert!(matches!(fourth, Err(Error::Full)));
    }
    let all = [of(0, 1, 96), of(1, 1, 200), of(2, 1, 18)];
    assert_eq!(commit(&store, &all), Commit::Done);
    for (number, length) in [(0, 96), (1, 200), (2, 18)] {
        let there = found(&store, key_in(0, number));
        assert_eq!(there, Some((2, vec![7; length])));
    }
    // Each goes once, though one has an entry at the place that it left.
    assert_eq!(store.len(), 3);
    assert_eq!(store.purge(at(86_401), 9).unwrap(), 3);
    assert!(store.is_empty());
}

#[test]
fn a_hint_of_any_keys_changes_nothing() {
    let store = MemoryStore::new();
    let keys: Vec<_> = (0..20).map(|number| key(number % 5)).collect();
    assert_eq!(commit(&store, &[write(keys[0], 0)]), Commit::Done);
    for count in 0..=keys.len() {
        store.prefetch(&keys[..count]);
    }
    assert_eq!((version(&store, keys[0]), store.len()), (Some(1), 1));
}

#[test]
fn of_many_threads_that_expect_one_version_one_is_done() {
    let store = MemoryStore::new();
    for expected in 0..200 {
        let done = thread::scope(|scope| {
            let race = || commit(&store, &[write(key(0), expected), write(key(1), expected)]);
            let threads = [scope.spawn(race), scope.spawn(race), scope.spawn(race)];
            threads
                .map(|thread| thread.join().unwrap())
                .iter()
                .filter(|outcome| **outcome == Commit::Done)
                .count()
        });
        assert_eq!(done, 1);
    }
}

#[test]
fn a_panic_under_a_lock_makes_its_shard_unavailable_and_no_other() {
    let store = MemoryStore::new();
    thread::scope(|scope| {
        let broken = scope.spawn(|| {
            let _guard = store.shards[5].lock().unwrap();
            panic!("planted");
        });
        assert!(broken.join().is_err());
    });
    let both = [write(key_in(4, 0), 0), write(key_in(5, 0), 0)];
    assert!(matches!(
        store.commit(&both, NOW),
        Err(Error::Unavailable(Some(_)))
    ));
    assert_eq!(version(&store, key_in(4, 0)), None);
    assert!(store.load(&[key_in(5, 0)], &mut Vec::new()).is_err());
    assert!(store.purge(NOW, 1).is_err());
    store.prefetch(&[key_in(4, 0), key_in(5, 0)]); // a hint never fails
    assert_eq!(commit(&store, &both[..1]), Commit::Done);
}
