internal import Filtering
internal import Foundation
internal import ServiceLifecycle
internal import Synchronization

/// Reloads the configuration on each hangup, one at a time; those that come during a reload lead to one more. Between two of
/// them it tells which day it is, since some of a policy holds to a day only.
struct ReloadService<Hangups: AsyncSequence & Sendable>: Service where Hangups.Failure == Never {
    let hangups: Hangups
    let reload: @Sendable () async -> Void
    let begin: @Sendable (PolicyDay) async -> Void

    /// The clock is looked at so often, rather than waited for, since it may be set.
    private static var interval: Duration { .seconds(60) }

    func run() async throws {
        let (due, wanted) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let hasHungUp = Flag()
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    for await _ in hangups {
                        hasHungUp.value.store(true, ordering: .releasing)
                        wanted.yield()
                    }
                }
                tasks.addTask {
                    while (try? await Task.sleep(for: Self.interval)) != nil { wanted.yield() }
                }
                tasks.addTask {
                    for await _ in due {
                        if hasHungUp.value.exchange(false, ordering: .acquiring) { await reload() }
                        await begin(.today)
                    }
                }
            }
        }
    }
}

private final class Flag: Sendable {
    let value = Atomic(false)
}
