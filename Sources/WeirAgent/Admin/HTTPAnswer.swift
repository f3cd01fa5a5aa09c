import Foundation

/// An HTTP/1.1 answer (RFC 9112) as its bytes come; whatever they are, it holds a bounded part of them.
struct HTTPAnswer {
    struct Failure: Error {
        let reason: String
    }

    private enum Part {
        case head
        /// So many bytes are to come.
        case body(Int)
        case chunkSize
        /// So many bytes, and the end of the line.
        case chunk(Int)
        case chunkEnd
        case whole
    }

    private(set) var status: Int?
    private var part = Part.head
    private var received = Data()

    var isSuccess: Bool { status.map { 200..<300 ~= $0 } ?? false }
    var isWhole: Bool { if case .whole = part { true } else { false } }

    /// - Parameter body: gets whether the status is a success, and some of the body.
    /// - Throws: `Failure` for what is no answer, and what `body` throws.
    mutating func take(_ bytes: some Sequence<UInt8>, _ body: (Bool, Data) throws -> Void) throws {
        received.append(contentsOf: bytes)
        while try step(body) {}
        // A slice would keep all that went before it.
        received = Data(received)
    }

    /// - Returns: false when more bytes are needed, or none.
    private mutating func step(_ body: (Bool, Data) throws -> Void) throws -> Bool {
        switch part {
        case .whole: return false
        case .head:
            guard let head = try cut("\r\n\r\n", limit: 64 << 10) else { return false }
            try readHead(head.lowercased())
        case .chunkSize:
            guard let line = try cut("\r\n", limit: 1 << 10) else { return false }
            let digits = line.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces)
            guard digits.allSatisfy(\.isHexDigit), let size = Int(digits, radix: 16), size <= 1 << 30 else {
                throw Failure(reason: "a part has no length")
            }
            // Nothing follows the last one: the agent sends no trailers.
            part = size == 0 ? .whole : .chunk(size)
        case .chunkEnd:
            guard try cut("\r\n", limit: 2) != nil else { return false }
            part = .chunkSize
        case .body(let left):
            guard let rest = try pass(left, body) else { return false }
            part = rest == 0 ? .whole : .body(rest)
        case .chunk(let left):
            guard let rest = try pass(left, body) else { return false }
            part = rest == 0 ? .chunkEnd : .chunk(rest)
        }
        return true
    }

    private mutating func readHead(_ head: String) throws {
        let lines = head.split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count > 1, words[0].hasPrefix("http/1."), let code = Int(words[1]), (100..<600).contains(code)
        else {
            throw Failure(reason: "it is not HTTP")
        }
        status = code
        if lines.contains("transfer-encoding: chunked") {
            part = .chunkSize
        } else if let length = lines.first(where: { $0.hasPrefix("content-length:") }) {
            guard let size = Int(length.dropFirst(15).trimmingCharacters(in: .whitespaces)), size >= 0 else {
                throw Failure(reason: "its length is no number")
            }
            part = size == 0 ? .whole : .body(size)
        } else {
            part = .whole
        }
    }

    /// Hands on up to so many bytes.
    /// - Returns: how many are missing still; nil when nothing is there.
    private mutating func pass(_ left: Int, _ body: (Bool, Data) throws -> Void) throws -> Int? {
        guard !received.isEmpty else { return nil }
        let some = received.prefix(left)
        received = received.dropFirst(some.count)
        try body(isSuccess, Data(some))
        return left - some.count
    }

    /// Takes what stands before a mark, and the mark.
    private mutating func cut(_ mark: String, limit: Int) throws -> String? {
        guard let found = received.range(of: Data(mark.utf8)), found.lowerBound - received.startIndex <= limit else {
            if received.count > limit + mark.utf8.count { throw Failure(reason: "a line of it has no end") }
            return nil
        }
        let text = String(decoding: received[..<found.lowerBound], as: UTF8.self)
        received = received[found.upperBound...]
        return text
    }
}
