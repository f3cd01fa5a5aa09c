import Foundation
import Testing

/// The same-node short cut, under traffic: in order, whole, bounded, and out of the way of readers that it would strand.
///
/// `WEIR_TRAFFIC_SECONDS` is how long the traffic runs in all, 20 unless given. The tests that leave the guards out show
/// that the others would notice.
@Suite(.serialized, .enabled(if: geteuid() == 0, "namespaces are root's to make"))
enum Acceleration {}

/// Says what a case observed, passed or not.
func observed(_ what: String, _ outcome: some CustomStringConvertible) {
    print("observed: \(what): \(outcome)")
}
