//! Plays scenarios under many schedules.

use std::sync::{Arc, Mutex};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::play::Play;
use crate::scenario::{Scenario, World};

/// Schedules that one scenario is played under with one scheduler.
const SCHEDULES_PER_SCENARIO: usize = 25;
/// Stack of a thread in bytes.
const STACK_BYTES: usize = 256 << 10;
/// Steps after which a schedule is said to go on for ever; the longest ones take a tenth of it.
const STEPS_MAX: usize = 2_000_000;
/// Changes of priority in a schedule of [`Scheduling::Pct`].
const PCT_DEPTH: usize = 4;

/// Who decides which thread goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    /// Chance, at every point.
    Random,
    /// Probabilistic concurrency testing: the thread of the highest priority, with a few changes of
    /// priority at random points. Finds what needs one thread to stand still for long.
    Pct,
}

/// How much is explored.
#[derive(Debug, Clone, Copy)]
pub struct Exploration {
    /// What scenarios and schedules follow from.
    pub seed: u64,
    /// At least so many schedules.
    pub schedules: usize,
    /// Who decides.
    pub scheduling: Scheduling,
}

impl Exploration {
    /// Explores; gives back how many schedules there were. `progress` is told now and then.
    ///
    /// # Panics
    /// When something is not as it should be: with the scenario that shows it, and the schedule.
    pub fn run(self, progress: impl Fn(usize)) -> usize {
        let world = once(World::new);
        let mut explored = 0;
        for seed in self.seed.. {
            if explored >= self.schedules {
                break;
            }
            let play = Play::ALL[seed as usize % Play::ALL.len()];
            let schedules = SCHEDULES_PER_SCENARIO.min(self.schedules - explored);
            explored += self.scenario(&world, play, seed, schedules);
            progress(explored);
        }
        explored
    }

    fn scenario(&self, world: &Arc<World>, play: Play, seed: u64, schedules: usize) -> usize {
        let scenario = {
            let world = Arc::clone(world);
            once(move || Arc::new(Scenario::new(&world, seed)))
        };
        let context = Context { play, seed, scheduling: self.scheduling };
        let scheduled = move || play.play(&scenario, seed);
        let explored = match self.scheduling {
            Scheduling::Random => {
                runner(RandomScheduler::new_from_seed(seed, schedules)).run(scheduled)
            }
            Scheduling::Pct => {
                runner(PctScheduler::new_from_seed(seed, PCT_DEPTH, schedules)).run(scheduled)
            }
        };
        drop(context);
        explored
    }
}

/// Says what was going on when it is dropped by a panic.
struct Context {
    play: Play,
    seed: u64,
    scheduling: Scheduling,
}

impl Drop for Context {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { play, seed, scheduling } = self;
            eprintln!("in scenario {seed}, play {play:?}, {scheduling:?} scheduling");
        }
    }
}

/// Runs something once under shuttle: there are no engines outside of it.
fn once<T: Send + 'static>(make: impl Fn() -> T + Send + Sync + 'static) -> T {
    let made = Arc::new(Mutex::new(None));
    let place = Arc::clone(&made);
    runner(RandomScheduler::new_from_seed(0, 1)).run(move || {
        let value = make();
        *place.lock().expect("nobody panics here") = Some(value);
    });
    let value = made.lock().expect("nobody panics here").take();
    value.expect("it was made")
}

fn runner<S: Scheduler + 'static>(scheduler: S) -> Runner<S> {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.failure_persistence = FailurePersistence::None;
    // Orderings are taken for the strictest; `tests/orderings` looks at those.
    config.silence_warnings = true;
    Runner::new(scheduler, config)
}
