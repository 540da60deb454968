package jdk.internal.crac;

import jdk.internal.crac.mirror.impl.CheckpointOpenSocketException;
import jdk.internal.standin.LiveJdkObjects;

/** Claims the descriptor of a socket or of a network channel. */
final class JDKSocketResourceBase {
  private JDKSocketResourceBase() {}

  static void beforeCheckpoint(ClaimedFDs claimedFds, LiveJdkObjects.Owner socket) {
    if (socket.closing) {
      // The selector that keeps it open answers for it.
      claimedFds.claimFd(socket.fd, socket.object);
      return;
    }
    claimedFds.claimFd(
        socket.fd,
        socket.object,
        () -> new CheckpointOpenSocketException(socket.object.toString(), null));
  }
}
