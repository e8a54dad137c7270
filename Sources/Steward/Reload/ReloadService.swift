internal import ServiceLifecycle

/// Reloads the configuration on each hangup, one at a time; those that come during a reload lead to one more.
struct ReloadService<Hangups: AsyncSequence & Sendable>: Service where Hangups.Failure == Never {
    let hangups: Hangups
    let reload: @Sendable () async -> Void

    func run() async throws {
        let (due, wanted) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { for await _ in hangups { wanted.yield() } }
                tasks.addTask { for await _ in due { await reload() } }
            }
        }
    }
}
