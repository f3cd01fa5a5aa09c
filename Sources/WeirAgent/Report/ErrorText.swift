import WeirCore

/// An error for people: one line, whatever it quotes, except those that are a list of problems.
public enum ErrorText {
    public static func lines(of error: any Error) -> [String] {
        switch error {
        case is ConfigurationError, is NodeError:
            "\(error)".split(separator: "\n").map { String($0).printable }
        default: ["\(error)".printable]
        }
    }
}
