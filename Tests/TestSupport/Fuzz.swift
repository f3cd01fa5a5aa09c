import Foundation

/// Changes inputs as an attacker might, the same way for the same seed.
public struct Mutator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// SplitMix64.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }

    public mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<max(limit, 1), using: &self) }

    public mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// What breaks readers more often than chance does.
    public static let oddities = [
        "", "0", "-1", "1e999", "9223372036854775808", "18446744073709551616", "null", "true", "\"\"", "{}", "[]",
        "[[[[",
        "\u{0}", "\u{1b}[2J", "\\ud800", "\\u0000", "\r\n", "\r\n\r\n", "../../etc", "%00", "\u{feff}", "😀", "a\u{301}",
        String(repeating: "9", count: 400), String(repeating: "[", count: 5000), String(repeating: "a,", count: 3000),
    ]

    /// Some changes of single bytes and runs of them: flipped, removed, doubled, moved, cut off.
    public mutating func mutate(_ input: [UInt8]) -> [UInt8] {
        var bytes = input
        for _ in 0...below(4) {
            let at = below(bytes.count + 1)
            let run = min(below(16) + 1, bytes.count - at)
            switch below(7) {
            case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8(below(8))
            case 1 where at < bytes.count: bytes[at] = UInt8(below(256))
            case 2: bytes.removeSubrange(at..<(at + run))
            case 3: bytes.insert(contentsOf: bytes[at..<(at + run)], at: below(bytes.count + 1))
            case 4: bytes.insert(contentsOf: Array(pick(Self.oddities).utf8), at: at)
            case 5: bytes.removeSubrange(at...)
            default: bytes.append(contentsOf: bytes.suffix(run))
            }
        }
        return bytes
    }

    /// The same for words, numbers, strings and marks: what comes out still looks like the language.
    public mutating func mutate(tokens text: String) -> String {
        var tokens = Self.tokens(text)
        for _ in 0...below(4) where !tokens.isEmpty {
            let at = below(tokens.count)
            switch below(5) {
            case 0: tokens[at] = pick(Self.oddities)
            case 1: tokens.remove(at: at)
            case 2: tokens.insert(tokens[at], at: below(tokens.count))
            case 3: tokens.swapAt(at, below(tokens.count))
            default: tokens[at] = tokens[below(tokens.count)]
            }
        }
        return tokens.joined()
    }

    private static func tokens(_ text: String) -> [String] {
        var tokens: [String] = []
        var last: Character?
        for character in text {
            let isWord = character.isLetter || character.isNumber
            if isWord, let before = last, before.isLetter || before.isNumber {
                tokens[tokens.count - 1].append(character)
            } else {
                tokens.append(String(character))
            }
            last = character
        }
        return tokens
    }

    /// Calls the body with mutators: some hundred, always the same, or for WEIR_FUZZ_SECONDS with new seeds.
    public static func rounds(_ count: Int = 300, _ body: (inout Mutator) throws -> Void) rethrows {
        if let seconds = ProcessInfo.processInfo.environment["WEIR_FUZZ_SECONDS"].flatMap(Double.init) {
            let end = ContinuousClock.now + .seconds(seconds)
            var seed = UInt64(Date().timeIntervalSince1970 * 1000) << 20
            while .now < end {
                var mutator = Mutator(seed: seed)
                try body(&mutator)
                seed += 1
            }
        } else {
            for seed in 0..<count {
                var mutator = Mutator(seed: UInt64(seed))
                try body(&mutator)
            }
        }
    }
}
