//! Who waits for their turn at the agent waits, and does not go on alone: then the limit would be none.

use std::time::Duration;

use rolecall::agent::{About, Acquired, Agent, Caller, Options, serve};
use rolecall::session::KeyBuilder;
use rolecall::{Error, ErrorKind, Host};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Forty at once and twenty in a second: the last of them waits for three seconds, longer than an agent may be silent.
const SESSIONS: u64 = 100;

#[tokio::test]
async fn the_agent_speaks_before_who_waits_gives_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let host = Host::builder()
        .env("ROLECALL_RUNTIME_DIR", &run.display().to_string())
        .build();
    let agent = Agent::of(&host, Caller::default()).unwrap();
    let listener = UnixListener::bind(agent.socket()).unwrap();
    let options = Options {
        socket: None,
        idle: Duration::from_secs(60),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        serve(&host, listener, options, async {
            let _ = stopped.await;
        })
        .await
    });

    let mut clients = JoinSet::new();
    for n in 0..SESSIONS {
        let agent = agent.clone();
        clients.spawn(async move {
            let mut key = KeyBuilder::new("pace");
            key.count(n);
            let about = About {
                account_and_region: "111111111111/us-east-1".to_owned(),
                ..About::default()
            };
            let acquired = agent.acquire(key.finish(), None, false, &about, |_| {}).await;
            let is_leased = matches!(acquired, Acquired::Lease(..));
            if let Acquired::Lease(lease, _) = acquired {
                lease.settle(&Err(Error::new(ErrorKind::Denied, "no"))).await;
            }
            is_leased
        });
    }
    let leased = clients.join_all().await;
    assert_eq!(leased.iter().filter(|is_leased| !**is_leased).count(), 0);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}
