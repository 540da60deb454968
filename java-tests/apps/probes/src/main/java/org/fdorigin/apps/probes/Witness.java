package org.fdorigin.apps.probes;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLEncoder;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Queue;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * What a program says of a socket that it has just opened, for the harness's {@code Testimony}: one
 * word, {@code WHICH!TID!THREAD!FRAME,FRAME...}. Which socket it is, is {@code fd=} and a number or
 * {@code port=} and the one at which it listens; a frame is {@code CLASS;METHOD;FILE;LINE} of the
 * Throwable that was made in the expression that opened. Names are URL-encoded.
 */
final class Witness {

  /** What was opened here stays open, whoever forgets it. */
  private static final Queue<ServerSocketChannel> KEPT = new ConcurrentLinkedQueue<>();

  private Witness() {}

  /** Of a descriptor that native code opened. */
  static String of(Throwable here, int fd) throws IOException {
    return testify("fd=" + fd, here);
  }

  /** Of a channel, which is bound here so that the kernel can tell which one it is. */
  static String of(Throwable here, ServerSocketChannel channel) throws IOException {
    KEPT.add(channel);
    channel.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    return testify("port=" + ((InetSocketAddress) channel.getLocalAddress()).getPort(), here);
  }

  private static String testify(String which, Throwable here) throws IOException {
    StringJoiner frames = new StringJoiner(",");
    for (StackTraceElement frame : here.getStackTrace()) {
      frames.add(
          encoded(frame.getClassName())
              + ";"
              + encoded(frame.getMethodName())
              + ";"
              + encoded(frame.getFileName() == null ? "" : frame.getFileName())
              + ";"
              + Math.max(0, frame.getLineNumber()));
    }
    // The kernel's link to the thread that reads it.
    Path task = Files.readSymbolicLink(Path.of("/proc/thread-self"));
    String thread = encoded(Thread.currentThread().getName());
    return which + "!" + task.getFileName() + "!" + thread + "!" + frames;
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, UTF_8);
  }
}
