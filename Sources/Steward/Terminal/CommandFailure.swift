internal import Access
internal import Foundation
internal import Moderation
internal import NIOCore
internal import Records
internal import Storage

/// Why a command ended without doing what it was asked to: one line for people, an exit code for programs.
///
/// Exit codes follow sysexits(3). Source: https://man.freebsd.org/cgi/man.cgi?sysexits(3)
struct CommandFailure: Error, Hashable {
    enum Code: Int32 {
        /// A check found problems.
        case problems = 1
        /// The command was written wrongly.
        case usage = 64
        /// What was named does not exist.
        case noInput = 66
        /// A server is away.
        case unavailable = 69
        /// A mistake in Steward.
        case software = 70
        /// The operating system refused something.
        case system = 71
        case inputOutput = 74
        /// Held by another process; worth trying again.
        case temporary = 75
        case permission = 77
        /// The settings are wrong.
        case configuration = 78
    }

    let message: String
    let code: Code

    init(_ message: String, _ code: Code) {
        self.message = message
        self.code = code
    }
}

extension CommandFailure {
    /// The one place where errors become lines and exit codes.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure:
            self = failure
        case let problems as SettingProblems:
            self.init(problems.description, .configuration)
        case let error as AccessError:
            self.init(error.description, Self.code(of: error))
        case let error as StorageError:
            self.init(error.description, Self.code(of: error))
        case let error as BackupError:
            self.init(error.description, Self.code(of: error))
        case let error as SampleError:
            self.init(error.description, Self.code(of: error))
        case let error as JournalError:
            self.init(JournalText.text(error), error == .inUse ? .temporary : .inputOutput)
        case let error as RecordWriterError:
            self.init(error.description, .temporary)
        case let error as IOError:
            self.init(
                "\(String(cString: strerror(error.errnoCode)).firstUppercased) (\(error.description)).", .system)
        default:
            self.init("Something unexpected happened: \(error). Please report it.", .software)
        }
    }

    private static func code(of error: AccessError) -> Code {
        switch error {
        case .unknownOrganisation, .unknownApplication, .unknownKey, .unknownToken: .noInput
        case .digestKeyUnreadable, .digestKeyExposed: .permission
        case .digestKeyMalformed, .digestKeyDiffers: .configuration
        default: .usage
        }
    }

    private static func code(of error: SampleError) -> Code {
        switch error {
        case .unknown, .textGone: .noInput
        case .notOpened, .restricted: .permission
        case .noSeal: .configuration
        case .changed: .temporary
        case .invalidReviewer, .unknownCategory, .noScore, .categoryNeeded: .usage
        }
    }

    private static func code(of error: BackupError) -> Code {
        switch error {
        case .file: .noInput
        case .damaged: .inputOutput
        case .notEmpty, .otherSchema: .usage
        }
    }

    private static func code(of error: StorageError) -> Code {
        switch error {
        case .busy, .schemaBusy, .overloaded, .timedOut: .temporary
        case .unavailable: .unavailable
        case .cannotOpen, .readOnly, .denied: .permission
        case .newerStore, .changedMigration: .configuration
        case .diskFull, .inputOutput, .corrupt, .commitUnknown: .inputOutput
        default: .software
        }
    }
}

/// What operators read about the journal.
enum JournalText {
    static func text(_ error: JournalError) -> String {
        switch error {
        case .full:
            "The journal has reached its bound because the store takes no records. Mend the store, or raise "
                + "records.journal_bytes_max."
        case .failed(let code):
            "The journal can't be written: \(String(cString: strerror(code))). Free some space or mend the disk; "
                + "nothing needs to be restarted."
        case .inUse:
            "Another Steward serves from this data folder. Stop it, or name another folder with --data."
        case .closed:
            "The journal is closed."
        }
    }
}
