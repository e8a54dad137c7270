/// The segment that is being written.
struct OpenSegment: Sendable {
    let number: UInt32
    let path: String
    let file: Int32
    /// Where the last good frame ends, and the next begins.
    var end: Int

    /// Makes the next segment, with its header, and makes its name durable.
    init(number: UInt32, in folder: String, files: any JournalFiles) throws(FileFault) {
        self.number = number
        path = Segment.path(of: number, in: folder)
        file = try files.create(path)
        end = 0
        do throws(FileFault) {
            let header = Segment.header(of: number)
            try write(header, count: header.count, files: files)
            try files.sync(file)
            try files.syncFolder(folder)
        } catch {
            files.close(file)
            try? files.remove(path)
            throw error
        }
    }

    /// Writes at the end and moves it; after a failure the end stays where it was.
    mutating func write(_ bytes: [UInt8], count: Int, files: any JournalFiles) throws(FileFault) {
        try files.writeAll(bytes, count: count, to: file, at: end)
        end += count
    }
}
