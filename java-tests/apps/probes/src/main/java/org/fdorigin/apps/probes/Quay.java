package org.fdorigin.apps.probes;

import java.io.IOException;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * A listener and a connection to it, and hooks as OpenJ9's CRIUSupport takes them, by reflection:
 * that class is in the JDK under test only.
 */
public final class Quay {

  private ServerSocketChannel pier;
  private ServerSocketChannel latePier;
  private SocketChannel ship;
  private SocketChannel berth;
  private final List<String> order = new ArrayList<>();

  private Quay() {}

  /** What {@link #refuse} makes a hook throw. */
  public static final class QuayBlockedException extends RuntimeException {
    QuayBlockedException() {
      super("the quay is blocked");
    }
  }

  public static void main(String[] args) throws IOException {
    Quay quay = new Quay();
    new Console(args)
        .on("moor", quay::moor)
        .on("cast-off", quay::castOff)
        .on("refuse", () -> quay.register("registerPreCheckpointHook", Quay::refuse))
        .on("reopen", () -> quay.register("registerPostRestoreHook", quay::openLatePier))
        .on("hooks", quay::registerInOrder)
        .on("order", () -> Map.of("ran", String.join(",", quay.order)))
        .serve(Map.of());
  }

  private Map<String, ?> moor() throws IOException {
    pier = buildPierSeventyOne();
    ship = sailSeventyTwo((InetSocketAddress) pier.getLocalAddress());
    berth = acceptSeventyThree();
    return Map.of("pier", portOf(pier.getLocalAddress()), "ship", portOf(ship.getLocalAddress()));
  }

  private static int portOf(java.net.SocketAddress address) {
    return ((InetSocketAddress) address).getPort();
  }

  private static ServerSocketChannel buildPierSeventyOne() throws IOException {
    ServerSocketChannel pier = ServerSocketChannel.open(); // MARK pier
    return pier.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  private static SocketChannel sailSeventyTwo(InetSocketAddress to) throws IOException {
    return SocketChannel.open(to); // MARK ship
  }

  private SocketChannel acceptSeventyThree() throws IOException {
    return pier.accept(); // MARK berth
  }

  private Map<String, ?> castOff() throws IOException {
    ship.close();
    berth.close();
    return Map.of();
  }

  private static void refuse() {
    throw new QuayBlockedException();
  }

  private void openLatePier() {
    try {
      latePier = buildPierSeventyOne();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private Map<String, ?> register(String method, Runnable hook) throws Exception {
    Object support = support();
    support.getClass().getMethod(method, Runnable.class).invoke(support, hook);
    return Map.of();
  }

  /** Hooks of both modes and of several priorities, which note that they ran. */
  private Map<String, ?> registerInOrder() throws Exception {
    Object support = support();
    Class<?> mode = Class.forName("org.eclipse.openj9.criu.CRIUSupport$HookMode");
    for (String when : List.of("PreCheckpoint", "PostRestore")) {
      Method register =
          support
              .getClass()
              .getMethod("register" + when + "Hook", Runnable.class, mode, int.class);
      for (Object of : mode.getEnumConstants()) {
        for (int priority : new int[] {50, 0, 99}) {
          String name = when + "/" + (of.toString().startsWith("S") ? "alone" : "beside");
          register.invoke(support, (Runnable) () -> order.add(name + "/" + priority), of, priority);
        }
      }
    }
    return Map.of();
  }

  private static Object support() throws Exception {
    return Class.forName("org.eclipse.openj9.criu.CRIUSupport")
        .getMethod("getCRIUSupport")
        .invoke(null);
  }
}
