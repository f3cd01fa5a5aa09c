/// A text that does not mean what it should. The sentence says what is wrong, with what, and what to write instead.
public struct InvalidValue: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence, without a full stop, so that a caller can put a place in front of it.
    public let sentence: String

    /// It may quote what is wrong, however long that is, and is kept and logged.
    private static let longest = 2000

    public init(_ sentence: String) {
        self.sentence = sentence.shortened(to: Self.longest)
    }

    public var description: String { sentence }
}
