package org.fdorigin.apps.probes;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.util.Map;
import org.crac.Context;
import org.crac.Core;
import org.crac.Resource;
import org.fdorigin.apps.console.Console;

/**
 * One listening channel without a selector that opens and closes on command, and one Resource that
 * refuses checkpoints on command: for attempts that fail, fail otherwise, and succeed.
 */
public final class Turnstile {

  private ServerSocketChannel gate;
  private ServerSocketChannel lateGate;
  private boolean refusing;
  private boolean reopening;

  private Turnstile() {}

  /** What {@link #refuse} makes the Resource throw. */
  public static final class TurnstileJammedException extends Exception {
    TurnstileJammedException() {
      super("the turnstile is jammed");
    }
  }

  public static void main(String[] args) throws IOException {
    Turnstile turnstile = new Turnstile();
    new Console(args)
        .on("open", turnstile::openGateThirtyOne)
        .on("close", turnstile::close)
        .on("refuse", turnstile::refuse)
        .on("allow", turnstile::allow)
        .on("reopen", turnstile::reopen)
        .serve(Map.of());
    if (turnstile.gate != null) {
      turnstile.gate.close();
    }
  }

  private final Resource resource =
      new Resource() {
        @Override
        public void beforeCheckpoint(Context<? extends Resource> context)
            throws TurnstileJammedException {
          if (refusing) {
            throw new TurnstileJammedException();
          }
        }

        @Override
        public void afterRestore(Context<? extends Resource> context) throws IOException {
          if (reopening) {
            lateGate = ServerSocketChannel.open();
            lateGate.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
          }
        }
      };

  private Map<String, ?> openGateThirtyOne() throws IOException {
    gate = ServerSocketChannel.open(); // MARK open-gate
    gate.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    return Map.of("port", ((InetSocketAddress) gate.getLocalAddress()).getPort());
  }

  private Map<String, ?> close() throws IOException {
    gate.close();
    return Map.of();
  }

  private Map<String, ?> refuse() {
    Core.getGlobalContext().register(resource);
    refusing = true;
    return Map.of();
  }

  /** From now on another gate opens when an attempt is over, failed or not. */
  private Map<String, ?> reopen() {
    Core.getGlobalContext().register(resource);
    reopening = true;
    return Map.of();
  }

  private Map<String, ?> allow() {
    refusing = false;
    return Map.of();
  }
}
