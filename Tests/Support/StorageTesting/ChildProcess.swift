internal import Dispatch
package import Foundation
internal import Snapshots

/// A program that runs beside a test, with nothing of what the test's process has open.
///
/// In place of Foundation's `Process`, which reads past a buffer when some thousand files and sockets are open
/// (`findMaximumOpenFromProcSelfFD`), as they are while all tests run.
package final class ChildProcess: Sendable {
    package let identifier: pid_t
    private let status = Lock<Int32?>(nil)

    /// - Parameters:
    ///   - words: the program's path, then its arguments.
    ///   - input: what it reads; nothing without it.
    ///   - output: the path of a file that gets what it prints.
    package init(_ words: [String], input: Int32? = nil, output: String = "/dev/null") throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        closeFrom(&actions, 3)
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, words[0], &actions, nil, arguments, environ)
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL) }
        self.identifier = identifier
    }

    /// Waits for its end. Blocks.
    ///
    /// - Returns: its exit code; the number of the signal that ended it, below zero.
    @discardableResult
    package func wait() -> Int32 {
        status.withLock { status in
            if let status { return status }
            var word: Int32 = 0
            while waitpid(identifier, &word, 0) < 0, errno == EINTR {}
            let ended = word & 0x7F == 0 ? (word >> 8) & 0xFF : -(word & 0x7F)
            status = ended
            return ended
        }
    }

    /// Waits for its end, on a thread that may be blocked.
    package func end() async -> Int32 {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: self.wait()) }
        }
    }

    /// Does nothing once its end was waited for.
    package func signal(_ number: Int32) {
        let hasEnded = status.withLock { $0 != nil }
        if !hasEnded { Foundation.kill(identifier, number) }
    }

    /// Ends it as a crash would, and waits for that.
    package func kill() {
        signal(SIGKILL)
        wait()
    }
}

/// Closes every descriptor from `first` on. In glibc since 2.34; its header hides it from us.
@discardableResult
@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
private func closeFrom(_ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ first: Int32) -> Int32
