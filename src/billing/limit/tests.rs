//! Limits in a time that moves only when told to: what finds no room is refused at once with how long it would take,
//! since every deadline here is over.

use governor::clock::FakeRelativeClock;

use super::*;

struct Bench {
    limiter: Limiter<FakeRelativeClock>,
    clock: FakeRelativeClock,
}

impl Bench {
    fn new(per_second: u32, per_endpoint: u32, reserved_percent: u32) -> Self {
        let limits = Limits {
            per_second: NonZeroU32::new(per_second),
            per_endpoint: NonZeroU32::new(per_endpoint),
            reserved_percent,
            per_subscription: NonZeroU32::new(10).unwrap(),
        };
        let clock = FakeRelativeClock::default();
        Self { limiter: Limiter::new(&limits, false, clock.clone()), clock }
    }

    async fn pass(&self, endpoint: &str, urgency: Urgency) -> Result<(), NoRoom> {
        self.limiter.pass(endpoint, None, urgency, Instant::now()).await
    }

    /// Passes as soon as there is room.
    async fn pass_in_time(&self, endpoint: &str, urgency: Urgency) {
        while let Err(NoRoom(wait)) = self.pass(endpoint, urgency).await {
            self.clock.advance(wait);
        }
    }

    /// How much time the clock was moved by, in milliseconds.
    fn passed(&self) -> u64 {
        self.clock.now().as_u64() / 1_000_000
    }

    async fn turn(&self, subscription: &str) -> Result<LaneTurn<FakeRelativeClock>, NoRoom> {
        self.limiter.turn(&subscription.parse().unwrap(), Instant::now()).await
    }
}

#[tokio::test]
async fn no_second_sees_more_than_five_quarters_of_the_rate() {
    let bench = Bench::new(40, 1_000, 0);
    for _ in 0..10 {
        bench.pass("GET /a", Urgency::Interactive).await.unwrap();
    }
    assert_eq!(bench.pass("GET /a", Urgency::Interactive).await, Err(NoRoom(Duration::from_millis(25))));
    for _ in 0..40 {
        bench.pass_in_time("GET /a", Urgency::Interactive).await;
    }
    assert_eq!(bench.passed(), 1_000);
}

#[tokio::test]
async fn each_endpoint_has_a_limit_of_its_own() {
    let bench = Bench::new(10_000, 20, 0);
    for endpoint in ["GET /a", "GET /b"] {
        for _ in 0..5 {
            bench.pass(endpoint, Urgency::Interactive).await.unwrap();
        }
        assert_eq!(bench.pass(endpoint, Urgency::Interactive).await, Err(NoRoom(Duration::from_millis(50))));
    }
}

#[tokio::test]
async fn the_background_leaves_room_for_those_who_wait() {
    let bench = Bench::new(40, 1_000, 50);
    for _ in 0..2 {
        bench.pass("GET /a", Urgency::Background).await.unwrap();
    }
    for _ in 0..50 {
        let refused = bench.pass("GET /a", Urgency::Background).await;
        assert_eq!(refused, Err(NoRoom(Duration::from_millis(50))));
    }
    for _ in 0..8 {
        bench.pass("GET /a", Urgency::Interactive).await.unwrap();
    }
    assert_eq!(bench.pass("GET /a", Urgency::Interactive).await, Err(NoRoom(Duration::from_millis(25))));
    for _ in 0..20 {
        bench.pass_in_time("GET /a", Urgency::Background).await;
    }
    assert_eq!(bench.passed(), 1_000, "half the rate for each");
}

#[tokio::test]
async fn waiting_is_in_turn_and_ends_at_the_deadline() {
    let bench = Bench::new(1, 1, 0);
    let _front = bench.limiter.account.waiting.lock().await;
    assert_eq!(bench.pass("GET /a", Urgency::Interactive).await, Err(NoRoom(Duration::ZERO)));
    // In the background there is another queue.
    bench.pass("GET /b", Urgency::Background).await.unwrap();
}

#[tokio::test]
async fn a_wait_is_as_long_as_it_takes_and_no_longer() {
    let bench = Bench::new(1_000, 1_000, 0);
    for _ in 0..250 {
        bench.pass("GET /a", Urgency::Interactive).await.unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    let waits = bench.limiter.pass("GET /a", None, Urgency::Interactive, deadline);
    let moves = async {
        tokio::task::yield_now().await;
        bench.clock.advance(Duration::from_millis(1));
    };
    assert_eq!(tokio::join!(waits, moves).0, Ok(()));
}

#[tokio::test]
async fn one_subscription_has_one_writer_at_a_time_and_a_rate() {
    let bench = Bench::new(1_000, 1_000, 0);
    let turn = bench.turn("sub_1").await.unwrap();
    assert!(bench.turn("sub_1").await.is_err());
    assert!(bench.turn("sub_2").await.is_ok());
    let write = || bench.limiter.pass("POST /a", Some(&turn), Urgency::Background, Instant::now());
    for _ in 0..5 {
        write().await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(write().await, Err(NoRoom(Duration::from_millis(100))));
        bench.clock.advance(Duration::from_millis(100));
        write().await.unwrap();
    }
    drop(turn);
    bench.turn("sub_1").await.unwrap();
}

#[tokio::test]
async fn subscriptions_at_rest_are_forgotten() {
    let bench = Bench::new(1_000, 1_000, 0);
    let kept = bench.turn("sub_kept").await.unwrap();
    for number in 0..REMEMBERED + 10 {
        bench.turn(&format!("sub_{number}")).await.unwrap();
    }
    assert!(bench.limiter.lanes.lock().unwrap().len() < 20);
    assert!(bench.turn("sub_kept").await.is_err());
    drop(kept);
}
