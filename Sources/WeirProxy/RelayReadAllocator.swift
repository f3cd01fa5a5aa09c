import NIOCore

/// Sizes read buffers by what the last reads brought: 1 KiB at first, up to 64 KiB for bulk.
///
/// NIO's adaptive allocator keeps the largest buffer it ever made in the channel's pool, 64 KiB per side of every
/// connection that once had a burst. This one gives NIO no size to reuse by (`nextBufferSize` is nil) and always says
/// that the next buffer may be larger (`record`), so that only the first, small buffer stays; the others live as long
/// as their bytes.
struct RelayReadAllocator: RecvByteBufferAllocator {
    static let smallest = 1024
    static let largest = 64 * 1024

    private var size = Self.smallest
    private var shortReads = 0

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        allocator.buffer(capacity: size)
    }

    func nextBufferSize() -> Int? { nil }

    /// Four times as large after a read that filled the buffer, half after two that used less than a quarter.
    mutating func record(actualReadBytes: Int) -> Bool {
        if actualReadBytes >= size {
            size = min(size * 4, Self.largest)
            shortReads = 0
        } else if actualReadBytes < size / 4 {
            shortReads += 1
            if shortReads >= 2 {
                size = max(size / 2, Self.smallest)
                shortReads = 0
            }
        } else {
            shortReads = 0
        }
        return true
    }
}
