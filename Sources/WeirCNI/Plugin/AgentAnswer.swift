/// The agent's answer, an HTTP/1.1 response (RFC 9112) that says itself where it ends: one that is cut off, and one that
/// goes on after its end, are none.
struct AgentAnswer {
    let status: Int
    let body: [UInt8]

    /// In bytes, head and body. The agent's are a few hundred.
    static let limit = 64 << 10

    /// - Returns: nil while the response is not whole.
    init?(_ received: [UInt8]) throws(AgentCall.Failure) {
        let bytes = received[...]
        guard let end = bytes.firstRange(of: "\r\n\r\n".utf8) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
            .split(separator: "\r\n", omittingEmptySubsequences: false)
        status = try Self.status(lines[0])
        var length: Substring?
        var coding: String?
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw Self.malformed }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "content-length":
                guard length == nil || length == value else { throw Self.malformed }
                length = value
            case "transfer-encoding":
                guard coding == nil else { throw Self.malformed }
                coding = value.lowercased()
            default: break
            }
        }
        let rest = bytes[end.upperBound...]
        let found: [UInt8]? =
            switch (length, coding) {
            case (let length?, nil): try Self.counted(rest, length)
            case (nil, "chunked"): try Self.chunked(rest)
            default: throw Self.malformed
            }
        guard let found else { return nil }
        body = found
    }

    private static let malformed = AgentCall.Failure(reason: "its answer is not whole")

    /// "HTTP/1.1 200 OK"
    private static func status(_ line: Substring) throws(AgentCall.Failure) -> Int {
        let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count > 1, words[0] == "HTTP/1.1" || words[0] == "HTTP/1.0", words[1].utf8.count == 3,
            let status = Int(words[1]), (200...599).contains(status)
        else { throw malformed }
        return status
    }

    private static func counted(
        _ rest: ArraySlice<UInt8>, _ length: Substring
    ) throws(AgentCall.Failure) -> [UInt8]? {
        guard length.utf8.count <= 6, length.allSatisfy(\.isASCII), length.allSatisfy(\.isNumber),
            let length = Int(length), rest.count <= length
        else { throw malformed }
        return rest.count == length ? [UInt8](rest) : nil
    }

    /// RFC 9112, section 7.1: a size in hexadecimal before each piece, and 0 after the last; no trailers.
    private static func chunked(_ all: ArraySlice<UInt8>) throws(AgentCall.Failure) -> [UInt8]? {
        var rest = all
        var body: [UInt8] = []
        while let line = rest.firstRange(of: "\r\n".utf8) {
            let text = String(decoding: rest[..<line.lowerBound], as: UTF8.self)
            guard text.utf8.count <= 5, text.allSatisfy(\.isHexDigit), let size = Int(text, radix: 16) else {
                throw malformed
            }
            rest = rest[line.upperBound...]
            guard rest.count >= size + 2 else { return nil }
            guard rest.dropFirst(size).starts(with: "\r\n".utf8) else { throw malformed }
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
            guard size == 0 else { continue }
            guard rest.isEmpty else { throw malformed }
            return body
        }
        guard rest.count <= 6 else { throw malformed }
        return nil
    }
}
