// Writes rows to a store until it is killed, and prints each row's number once it is acknowledged. The test that starts
// it kills it and looks whether every printed row is there.

import Glibc
import Storage

guard CommandLine.arguments.count == 4,
    let first = Int(CommandLine.arguments[2]),
    let writers = Int(CommandLine.arguments[3])
else {
    fatalError("usage: StorageCrashWriter STORE FIRST WRITERS")
}

let database = try SQLiteDatabase(path: CommandLine.arguments[1])
try await withThrowingTaskGroup(of: Void.self) { group in
    for writer in 0..<writers {
        group.addTask {
            var number = first + writer
            while true {
                let row = number
                try await database.write { transaction in
                    try transaction.execute(
                        "INSERT INTO rows (number, payload) VALUES ($1, $2)",
                        [row, [UInt8](repeating: UInt8(truncatingIfNeeded: row), count: 300)])
                }
                // One write(2), so that a line is there whole or not at all.
                let line = Array("\(row)\n".utf8)
                _ = write(1, line, line.count)
                number += writers
            }
        }
    }
    try await group.waitForAll()
}
