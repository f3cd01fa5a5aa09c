extension Address: CustomStringConvertible, LosslessStringConvertible {
    /// Reads "10.1.2.3", "2001:db8::1" or "::ffff:10.1.2.3" (which is the IPv4 address).
    /// - Returns: nil for anything else: leading zeros, zones ("fe80::1%eth0"), prefixes and names.
    public init?(_ text: String) {
        var copy = text
        let found = copy.withUTF8 { bytes in
            bytes.contains(UInt8(ascii: ":")) ? Self.readIPv6(bytes[...]) : Self.readIPv4(bytes[...])
        }
        guard let found else { return nil }
        self = found
    }

    /// Reads an address.
    /// - Throws: a sentence that names the text.
    public init(parsing text: String) throws(InvalidValue) {
        guard let address = Address(text) else {
            throw InvalidValue("\"\(text)\" is not an IP address; write one like 10.1.2.3 or 2001:db8::1")
        }
        self = address
    }

    /// Dotted decimal for IPv4; the form of RFC 5952 for IPv6.
    public var description: String {
        isIPv4 ? Self.dotted(UInt32(truncatingIfNeeded: low)) : ipv6Text
    }

    private static func dotted(_ number: UInt32) -> String {
        "\(number >> 24).\(number >> 16 & 0xff).\(number >> 8 & 0xff).\(number & 0xff)"
    }

    /// RFC 5952, 4.2: the longest run of two or more zero groups is "::", the first one of equals.
    private var ipv6Text: String {
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> UInt64(48 - $0 % 4 * 16)) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            guard groups[start] == 0 else {
                start += 1
                continue
            }
            let end = groups[start...].firstIndex { $0 != 0 } ?? 8
            if end - start > max(best.count, 1) { best = start..<end }
            start = end
        }
        let words = groups.map { String($0, radix: 16) }
        if best.isEmpty { return words.joined(separator: ":") }
        return words[..<best.lowerBound].joined(separator: ":") + "::"
            + words[best.upperBound...].joined(separator: ":")
    }

    private static func readIPv4(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Address? {
        readDotted(text).map { Address(ipv4: $0) }
    }

    private static func readDotted(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> UInt32? {
        var result: UInt32 = 0
        var octets = 0
        for part in text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var octet: UInt32 = 0
            for digit in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                octet = octet * 10 + UInt32(digit - UInt8(ascii: "0"))
            }
            guard octet < 256 else { return nil }
            result = result << 8 | octet
            octets += 1
        }
        return octets == 4 ? result : nil
    }

    private static func readIPv6(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Address? {
        let colon = UInt8(ascii: ":")
        var gap: Int?
        var groups: [UInt16] = []
        var rest = text
        if rest.starts(with: [colon, colon]) {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let word = rest.prefix { $0 != colon }
            rest = rest.dropFirst(word.count)
            if word.contains(UInt8(ascii: ".")) {
                guard rest.isEmpty, let tail = readDotted(word) else { return nil }
                groups += [UInt16(tail >> 16), UInt16(tail & 0xffff)]
                break
            }
            guard let group = readGroup(word) else { return nil }
            groups.append(group)
            guard !rest.isEmpty else { break }
            rest = rest.dropFirst()
            if rest.first == colon {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                return nil
            }
        }
        return join(groups, gap: gap)
    }

    private static func readGroup(_ word: Slice<UnsafeBufferPointer<UInt8>>) -> UInt16? {
        guard (1...4).contains(word.count) else { return nil }
        var group: UInt16 = 0
        for character in word {
            guard let digit = Character(UnicodeScalar(character)).hexDigitValue else { return nil }
            group = group << 4 | UInt16(digit)
        }
        return group
    }

    private static func join(_ groups: [UInt16], gap: Int?) -> Address? {
        guard gap == nil ? groups.count == 8 : groups.count < 8 else { return nil }
        var all = groups
        if let gap { all.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap) }
        return Address(
            high: all[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            low: all[4...].reduce(0) { $0 << 16 | UInt64($1) })
    }
}
