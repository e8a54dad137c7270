package import Hummingbird
internal import NIOCore

extension Request {
    /// All of the body.
    ///
    /// - Throws: `Problem` for one that is larger.
    package func bytes(upTo bytesMax: Int) async throws -> [UInt8] {
        do {
            let buffer = try await body.collect(upTo: bytesMax)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw Problem.bodyTooLarge(bytesMax: bytesMax)
        }
    }
}
